//! User code that misbehaves: it blocks its thread or computes without end, and the rest goes on (rule 3).

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gort::net::TcpListener;
use gort::time::{sleep, sleep_until};
use gort::{Wait, task};
use support::{Event, Latch, is_child, run_child_and_show, watchdog};

/// However many processors there are, all of them do this.
fn all_processors(mut spawn: impl FnMut()) {
    for _ in 0..2 * gort::runtime::max_procs() {
        spawn();
    }
}

/// Blocked in a system call, with nobody told of it: tasks that come later run all the same, though each processor had
/// its thread blocked.
#[test]
fn blocked_threads_keep_no_processor() {
    let _watchdog = watchdog("blocked_threads_keep_no_processor");
    let (release, gate) = mpsc::channel::<()>();
    let gate = Arc::new(std::sync::Mutex::new(gate));
    let mut blocked = Vec::new();
    all_processors(|| {
        let gate = gate.clone();
        blocked.push(gort::spawn(async move {
            // One waits in `recv`, the others for the lock.
            let _ = gate.lock().unwrap().recv();
        }));
    });
    for _ in 0..100 {
        assert_eq!(gort::block_on(gort::spawn(async { 7 })).unwrap(), 7);
        assert_eq!(
            gort::go(|| sleep(Duration::from_micros(10)).wait()).wait().ok(),
            Some(())
        );
    }
    drop(release);
    for task in blocked {
        task.wait().unwrap();
    }
}

/// The same when the process has no descriptor left, so that nobody can ask /proc whether a thread sleeps.
#[test]
fn blocked_threads_and_no_descriptor_left() {
    const NAME: &str = "blocked_threads_and_no_descriptor_left";
    let _watchdog = watchdog(NAME);
    if !is_child(NAME) {
        return run_child_and_show(NAME, &[("GOMAXPROCS", "1")]);
    }
    gort::spawn(async {}).wait().unwrap();
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    let (latch, begun) = (Latch::new(), Event::new());
    let theirs = (latch.clone(), begun.clone());
    let blocked = gort::spawn(async move {
        theirs.1.set();
        theirs.0.pass();
    });
    begun.wait();
    assert_eq!(gort::spawn(async { 7 }).wait().unwrap(), 7);
    latch.open();
    blocked.wait().unwrap();
    drop(files);
}

/// Blocked again and again, for less than it takes to find out, with a little work in between.
#[test]
fn short_blocks_keep_no_processor() {
    let _watchdog = watchdog("short_blocks_keep_no_processor");
    let stop = Arc::new(AtomicBool::new(false));
    let mut blocked = Vec::new();
    all_processors(|| {
        let stop = stop.clone();
        blocked.push(gort::spawn(async move {
            while !stop.load(Relaxed) {
                thread::sleep(Duration::from_micros(50));
            }
        }));
    });
    for _ in 0..100 {
        assert_eq!(gort::block_on(gort::spawn(async { 7 })).unwrap(), 7);
    }
    stop.store(true, Relaxed);
    for task in blocked {
        task.wait().unwrap();
    }
}

/// The tests above where the kernel has no membarrier.
#[test]
fn without_membarrier() {
    let _watchdog = watchdog("without_membarrier");
    for name in [
        "blocked_threads_keep_no_processor",
        "endless_loops_keep_no_processor",
        "code_without_a_processor_can_do_everything",
    ] {
        support::run_child_and_show(name, &[("GORTDEBUG", "membarrier=0")]);
    }
}

/// All processors in a loop without a wait: timers fire, sockets are answered, and what is new starts.
#[test]
fn endless_loops_keep_no_processor() {
    let _watchdog = watchdog("endless_loops_keep_no_processor");
    const TICK: Duration = Duration::from_millis(5);
    let stop = Arc::new(AtomicBool::new(false));
    // The first to come: nothing of it waits behind a loop for its start.
    let ticking = stop.clone();
    let ticker = gort::spawn(async move {
        let mut late = Duration::ZERO;
        while !ticking.load(Relaxed) {
            let deadline = Instant::now() + TICK;
            sleep_until(deadline).await;
            late = late.max(deadline.elapsed());
        }
        late
    });
    let listener = gort::block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut server = gort::block_on(listener.accept()).unwrap().0;
    let server = gort::spawn(async move {
        use gort::io::{AsyncReadExt, AsyncWriteExt};
        let mut byte = [0];
        while AsyncReadExt::read_exact(&mut server, &mut byte).await.is_ok() {
            AsyncWriteExt::write_all(&mut server, &byte).await.unwrap();
        }
    });
    let mut loops = Vec::new();
    let running = Arc::new(AtomicUsize::new(0));
    for kind in 0..2 * gort::runtime::max_procs() {
        let (stop, running) = (stop.clone(), running.clone());
        let burn = move || {
            running.fetch_add(1, Relaxed);
            while !stop.load(Relaxed) {}
        };
        loops.push(if kind % 2 == 0 {
            gort::spawn(async move { burn() })
        } else {
            gort::go(burn)
        });
    }
    let mut answered = Duration::ZERO;
    for round in 0..50 {
        let start = Instant::now();
        client.write_all(&[round]).unwrap();
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [round]);
        answered = answered.max(start.elapsed());
        gort::block_on(sleep(Duration::from_millis(1)));
        assert_eq!(gort::spawn(async { 7 }).wait().unwrap(), 7);
    }
    // A goroutine lives on one thread, and must not share it with a loop that is to start there (rule 2).
    while running.load(Relaxed) < loops.len() {
        gort::block_on(sleep(TICK));
    }
    for _ in 0..10 {
        gort::go(|| sleep(Duration::from_millis(1)).wait())
            .wait()
            .unwrap();
    }
    stop.store(true, Relaxed);
    let late = ticker.wait().unwrap();
    println!("while all processors compute: a socket is answered within {answered:?}, a timer {late:?} late");
    for task in loops {
        task.wait().unwrap();
    }
    drop(client);
    server.wait().unwrap();
}

/// A goroutine that lost its processor wakes, spawns, sleeps and waits as before.
#[test]
fn code_without_a_processor_can_do_everything() {
    let _watchdog = watchdog("code_without_a_processor_can_do_everything");
    let done = Arc::new(AtomicUsize::new(0));
    let goroutines: Vec<_> = (0..8)
        .map(|_| {
            let done = done.clone();
            gort::go(move || {
                for _ in 0..50 {
                    // Long enough to be noticed, and not by a flag of ours.
                    thread::sleep(Duration::from_millis(2));
                    let child = gort::spawn(async move {
                        task::yield_now().await;
                        6
                    });
                    let sibling = gort::go(|| 7);
                    thread::sleep(Duration::from_millis(2));
                    assert_eq!(child.wait().unwrap(), 6);
                    assert_eq!(sibling.wait().unwrap(), 7);
                    sleep(Duration::from_micros(100)).wait();
                    done.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    for goroutine in goroutines {
        goroutine.wait().unwrap();
    }
    assert_eq!(done.load(Relaxed), 400);
}

/// A thousand threads asleep at once, and the rest of the program alive; afterwards they serve again.
#[test]
fn a_thousand_sleepers() {
    let _watchdog = watchdog("a_thousand_sleepers");
    const SLEEPERS: usize = 1_000;
    for wave in 0..2 {
        let started = Instant::now();
        let sleepers: Vec<_> = (0..SLEEPERS)
            .map(|_| gort::go(|| thread::sleep(Duration::from_secs(1))))
            .collect();
        let mut alive = 0;
        while !sleepers.iter().all(|s| s.is_finished()) {
            gort::spawn(sleep(Duration::from_millis(1))).wait().unwrap();
            alive += 1;
        }
        for sleeper in sleepers {
            sleeper.wait().unwrap();
        }
        println!(
            "wave {wave}: {SLEEPERS} sleepers in {:?}, {alive} timers, {} threads",
            started.elapsed(),
            support::proc::threads("").len()
        );
    }
}
