//! Idle means idle: a runtime with nothing to do lets the processor sleep. The parent counts the context switches of
//! every thread of a child that does nothing else.

#![allow(clippy::print_stdout, reason = "figures belong to the tests' output")]

mod support;

use std::future;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gort::Wait;
use gort::net::{TcpListener, TcpStream};
use gort::time::{sleep, timeout};
use support::proc::switches;
use support::{Event, announced, child, is_child, watchdog};

/// Without a switch for so long, it has settled.
const QUIET: Duration = Duration::from_millis(1500);
const SETTLES_WITHIN: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(5);
/// What the child prints once it does nothing more.
const DONE: &str = "the child does nothing from here on";
const FOR_EVER: Duration = Duration::from_secs(3600);

/// Runs `body` in a child, then has it wait for its standard input to end, and counts.
fn idle_after(name: &'static str, body: fn()) {
    if is_child(name) {
        let _watchdog = watchdog(name);
        body();
        println!("{DONE}");
        let _ = std::io::stdin().read_line(&mut String::new());
        return;
    }
    let mut child = child(name, &[("GOMAXPROCS", "2")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().ends_with(DONE)),
        "{name}: the child has ended"
    );

    let start = Instant::now();
    let mut before = switches(child.id());
    loop {
        thread::sleep(QUIET);
        let now = switches(child.id());
        if now == before {
            break;
        }
        assert!(
            start.elapsed() < SETTLES_WITHIN,
            "not settled: {before:?}, then {now:?}"
        );
        before = now;
    }
    let settled = start.elapsed();
    thread::sleep(IDLE);
    let after = switches(child.id());
    let total = |all: &[support::proc::Switches]| all.iter().map(|thread| thread.count).sum::<u64>();
    println!(
        "{name}: settled within {settled:.1?}, then {} switches in {IDLE:?}, by {} threads which made {} before",
        total(&after) - total(&before),
        after.len(),
        total(&before),
    );
    assert!(
        after.iter().any(|thread| thread.name == "gort-sysmon"),
        "{after:?}"
    );
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(before, after);
}

/// A task that waits for ever. Its handle stays: one that neither a waker nor a handle reaches would be dropped.
fn park_a_task() {
    std::mem::forget(gort::spawn(future::pending::<()>()));
    assert!(gort::runtime::num_goroutines() >= 1);
}

#[test]
fn after_boot() {
    idle_after("after_boot", || {
        park_a_task();
        gort::spawn(async {}).wait().unwrap();
    });
}

#[test]
fn after_a_burst() {
    idle_after("after_a_burst", burst);
}

/// A goroutine blocks its thread for ever. Nobody lives there that could run.
#[test]
fn while_a_thread_is_blocked() {
    idle_after("while_a_thread_is_blocked", || {
        park_a_task();
        drop(gort::go(|| {
            loop {
                thread::park();
            }
        }));
    });
}

/// The same, and another is runnable there: that has been reported, and is over.
#[test]
fn while_a_thread_is_stuck() {
    idle_after("while_a_thread_is_stuck", || {
        let (event, waits) = (Event::new(), Event::new());
        let (theirs, waiting) = (event.clone(), waits.clone());
        let (blocks, is_blocked) = mpsc::channel();
        drop(gort::go(move || {
            drop(gort::task::spawn_local(announced(theirs, waiting)));
            waits.wait();
            blocks.send(()).unwrap();
            loop {
                thread::park();
            }
        }));
        is_blocked.recv().unwrap();
        event.set();
    });
}

/// Sockets, timers, goroutines, wakes by foreign threads; some of each stay, parked.
fn burst() {
    park_a_task();
    drop(gort::go(|| sleep(FOR_EVER).wait()));
    drop(gort::spawn(async {
        timeout(FOR_EVER, future::pending::<()>()).await
    }));

    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").wait().unwrap());
    let addr = listener.local_addr().unwrap();
    let server = gort::spawn(async move {
        use gort::io::{AsyncReadExt, AsyncWriteExt};
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            drop(gort::spawn(async move {
                let mut buf = [0; 64];
                while let Ok(n @ 1..) = stream.read(&mut buf).await {
                    stream.write_all(&buf[..n]).await.unwrap();
                }
            }));
        }
    });
    drop(server);
    let clients: Vec<_> = (0..100)
        .map(|i| {
            gort::go(move || {
                use std::io::{Read, Write};
                let mut stream = TcpStream::connect(addr).wait().unwrap();
                let mut buf = [0; 64];
                for _ in 0..50 {
                    stream.write_all(&[i; 64]).unwrap();
                    stream.read_exact(&mut buf).unwrap();
                    sleep(Duration::from_micros(u64::from(i) * 10)).wait();
                }
                stream
            })
        })
        .collect();
    let timers: Vec<_> = (0..10_000)
        .map(|i| {
            gort::spawn(async move {
                // Most are cancelled long before they are due.
                let due = Duration::from_secs(20 + i % 20);
                timeout(due, sleep(Duration::from_millis(i % 300))).await.unwrap();
            })
        })
        .collect();
    let foreign = thread::spawn(|| {
        for _ in 0..1000 {
            gort::go(|| gort::task::yield_now().wait()).wait().unwrap();
        }
    });
    let streams: Vec<_> = clients.into_iter().map(|client| client.wait().unwrap()).collect();
    timers.into_iter().for_each(|timer| timer.wait().unwrap());
    foreign.join().unwrap();
    // Half of the connections stay open, each with a task that waits to read.
    streams.into_iter().step_by(2).for_each(std::mem::forget);
}
