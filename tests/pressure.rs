//! User code that misbehaves: it blocks its thread or computes without end, and the rest goes on (rule 3).

mod support;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gort::net::TcpListener;
use gort::time::sleep;
use gort::{Wait, task};
use support::watchdog;

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

/// All processors in a loop without a wait: timers fire, sockets are answered, new goroutines start.
#[test]
fn endless_loops_keep_no_processor() {
    let _watchdog = watchdog("endless_loops_keep_no_processor");
    let stop = Arc::new(AtomicBool::new(false));
    let mut loops = Vec::new();
    for kind in 0..2 * gort::runtime::max_procs() {
        let stop = stop.clone();
        let burn = move || while !stop.load(Relaxed) {};
        loops.push(if kind % 2 == 0 {
            gort::spawn(async move { burn() })
        } else {
            gort::go(burn)
        });
    }
    let listener = gort::block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let addr = listener.local_addr().unwrap();
    let server = gort::spawn(async move {
        for _ in 0..20 {
            let (mut stream, _) = listener.accept().await.unwrap();
            gort::spawn(async move {
                use gort::io::{AsyncReadExt, AsyncWriteExt};
                let mut byte = [0];
                AsyncReadExt::read_exact(&mut stream, &mut byte).await.unwrap();
                AsyncWriteExt::write_all(&mut stream, &byte).await.unwrap();
            });
        }
    });
    let (mut socket, mut timer) = (Duration::ZERO, Duration::ZERO);
    for round in 0..20 {
        let start = Instant::now();
        let mut stream = std::net::TcpStream::connect(addr).unwrap();
        stream.write_all(&[round]).unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [round]);
        socket = socket.max(start.elapsed());
        const SHORT: Duration = Duration::from_millis(1);
        gort::block_on(sleep(SHORT));
        let start = Instant::now();
        gort::spawn(sleep(SHORT)).wait().unwrap();
        gort::go(|| sleep(SHORT).wait()).wait().unwrap();
        timer = timer.max((start.elapsed() - 2 * SHORT) / 2);
    }
    println!("while all processors compute: a socket is answered within {socket:?}, a timer {timer:?} late");
    server.wait().unwrap();
    stop.store(true, Relaxed);
    for task in loops {
        task.wait().unwrap();
    }
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
            support::proc::switches(std::process::id()).len()
        );
    }
}
