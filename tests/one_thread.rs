//! Rule 2: a goroutine sees one thread for ever, a task may see several.

mod support;

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use gort::Wait;
use gort::net::{TcpListener, TcpStream};
use gort::task::yield_now;
use gort::time::sleep;
use support::{Random, is_child, run_child, watchdog};

const WAITS: usize = 10_000;
const GOROUTINES: u64 = 4;

thread_local! {
    static LOCAL: Cell<u64> = const { Cell::new(0) };
}

/// The address of this thread's own, looked up afresh.
#[inline(never)]
fn local_address() -> usize {
    LOCAL.with(|local| std::ptr::from_ref(std::hint::black_box(local)).addr())
}

/// Something to read from: a task at the other end sends back what it gets.
fn echo() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).wait().unwrap();
    let (mut far, _) = listener.accept().wait().unwrap();
    drop(gort::spawn(async move {
        use gort::io::{AsyncReadExt, AsyncWriteExt};
        let mut buf = [0; 8];
        while let Ok(n @ 1..) = AsyncReadExt::read(&mut far, &mut buf).await {
            AsyncWriteExt::write_all(&mut far, &buf[..n]).await.unwrap();
        }
    }));
    near
}

/// Waits once, in one of the ways there are.
fn wait_somehow(random: &mut Random, mut stream: &TcpStream) {
    match random.below(8) {
        0 => sleep(Duration::from_micros(random.below(50) as u64)).wait(),
        1 => gort::go(|| yield_now().wait()).wait().unwrap(),
        2 => gort::spawn(async { yield_now().await }).wait().unwrap(),
        3 => gort::block_on(async {
            let task = gort::spawn(async { sleep(Duration::from_micros(1)).await });
            task.await.unwrap();
            gort::go(|| {}).await.unwrap();
        }),
        4 => gort::task::spawn_local(async { yield_now().await })
            .wait()
            .unwrap(),
        5 | 6 => {
            stream.write_all(&[1, 2, 3]).unwrap();
            let mut back = [0; 3];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, [1, 2, 3]);
        }
        _ => yield_now().wait(),
    }
}

/// In a process of its own, with more Ps than this machine may have.
#[test]
fn goroutines_stay_tasks_move() {
    let name = "goroutines_stay_tasks_move";
    if !is_child(name) {
        let output = run_child(name, &[("GOMAXPROCS", "4")]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let _watchdog = watchdog(name);
    let goroutines: Vec<_> = (0..GOROUTINES)
        .map(|seed| {
            gort::go(move || {
                let mut random = Random::new(seed);
                let stream = echo();
                let (thread, address) = (thread::current().id(), local_address());
                // A reference that the compiler may keep over every wait.
                LOCAL.with(|local| {
                    let mine = local.get();
                    for _ in 0..WAITS {
                        assert_eq!(local_address(), address);
                        wait_somehow(&mut random, &stream);
                        assert_eq!(local_address(), address);
                        assert_eq!(thread::current().id(), thread);
                    }
                    assert!(local.get() >= mine);
                });
                LOCAL.set(LOCAL.get() + 1);
                assert_eq!(thread::current().id(), thread);
            })
        })
        .collect();

    // Tasks that yield until each has been on a second thread: all day, if need be; the watchdog is there.
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            gort::spawn(async {
                let mut threads = HashSet::new();
                let mut polls = 0u32;
                while threads.len() < 2 {
                    polls += 1;
                    // Within one poll the thread stays, also over a wait.
                    let (thread, address) = (thread::current().id(), local_address());
                    if polls.is_multiple_of(8) {
                        sleep(Duration::from_micros(1)).wait();
                    }
                    assert_eq!((thread::current().id(), local_address()), (thread, address));
                    threads.insert(thread);
                    if polls.is_multiple_of(4) {
                        sleep(Duration::from_micros(20)).await;
                    } else {
                        yield_now().await;
                    }
                }
                threads.len()
            })
        })
        .collect();
    for task in tasks {
        assert!(task.wait().unwrap() >= 2);
    }
    for goroutine in goroutines {
        goroutine.wait().unwrap();
    }
}

/// A goroutine's many waits inside tasks' polls and `spawn_local` tasks: all of one thread.
#[test]
fn local_tasks_stay() {
    let _watchdog = watchdog("local_tasks_stay");
    gort::go(|| {
        let home = thread::current().id();
        let tasks: Vec<_> = (0..8)
            .map(|seed| {
                gort::task::spawn_local(async move {
                    let mut random = Random::new(seed);
                    let stream = echo();
                    for _ in 0..WAITS / 100 {
                        assert_eq!(thread::current().id(), home);
                        wait_somehow(&mut random, &stream);
                        assert_eq!(thread::current().id(), home);
                        sleep(Duration::from_micros(random.below(50) as u64)).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.wait().unwrap();
        }
    })
    .wait()
    .unwrap();
}
