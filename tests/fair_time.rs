//! Fair time: who never waits gives way all the same, at gort's own leaf futures, after a slice of 10 ms. On one processor,
//! which was not taken, but given.

mod support;

use std::future::poll_fn;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use gort::Wait;
use gort::net::TcpStream;
use gort::task::yield_now;
use gort::time::sleep_until;
use support::{is_child, run_child_and_show, watchdog};

/// How often a bystander has to get its turn.
const TURNS: usize = 5;

/// In a child with one processor: `busy` has something run until it is told to stop, which a task of the same processor
/// says after some turns of its own. The processor was not taken for that.
fn gives_way(name: &'static str, busy: impl FnOnce()) {
    let _watchdog = watchdog(name);
    if !is_child(name) {
        return run_child_and_show(name, &[("GOMAXPROCS", "1")]);
    }
    busy();
    assert_eq!(gort::runtime::metrics().busy_retake_count(), 0);
}

/// On the only processor, which the caller keeps: the task that waits for its turns, and what it sets in the end.
fn bystander() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = stop.clone();
    gort::spawn(async move {
        for _ in 0..TURNS {
            yield_now().await;
        }
        theirs.store(true, Relaxed);
    });
    stop
}

#[test]
fn a_task_that_awaits_what_is_ready() {
    gives_way("a_task_that_awaits_what_is_ready", || {
        let task = gort::spawn(async move {
            let stop = bystander();
            while !stop.load(Relaxed) {
                sleep_until(Instant::now()).await;
            }
        });
        task.wait().unwrap();
    });
}

#[test]
fn a_goroutine_that_waits_for_what_is_ready() {
    gives_way("a_goroutine_that_waits_for_what_is_ready", || {
        let goroutine = gort::go(move || {
            let stop = bystander();
            while !stop.load(Relaxed) {
                std::future::ready(()).wait();
            }
        });
        goroutine.wait().unwrap();
    });
}

/// Awaited in one task, so that only the handles themselves can give way.
#[test]
fn joins_of_what_has_ended() {
    gives_way("joins_of_what_has_ended", || {
        let mut ended: Vec<_> = (0..100_000).map(|_| gort::spawn(async {})).collect();
        while !ended.iter().all(|task| task.is_finished()) {
            gort::block_on(yield_now());
        }
        let task = gort::spawn(async move {
            let stop = bystander();
            let mut joined = 0;
            for task in ended.drain(..) {
                task.await.unwrap();
                // As long as it takes to use up some slices.
                let start = Instant::now();
                while start.elapsed() < Duration::from_micros(2) {}
                joined += 1;
            }
            // It has given way in between.
            assert!(stop.load(Relaxed));
            joined
        });
        assert_eq!(task.wait().unwrap(), 100_000);
    });
}

#[test]
fn a_socket_that_is_always_ready() {
    const BYTES: usize = 1 << 20;
    gives_way("a_socket_that_is_always_ready", || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = gort::block_on(TcpStream::connect(listener.local_addr().unwrap())).unwrap();
        let mut theirs = listener.accept().unwrap().0;
        // A peer that always has more to say, until this end is gone.
        let writer = std::thread::spawn(move || while theirs.write_all(&[7; BYTES]).is_ok() {});
        let goroutine = gort::go(move || {
            let stop = bystander();
            let mut byte = [0];
            while !stop.load(Relaxed) {
                ours.read_exact(&mut byte).unwrap();
            }
        });
        goroutine.wait().unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn a_socket_that_is_always_ready_to_a_task() {
    gives_way("a_socket_that_is_always_ready_to_a_task", || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = gort::block_on(TcpStream::connect(listener.local_addr().unwrap())).unwrap();
        let mut theirs = listener.accept().unwrap().0;
        let writer = std::thread::spawn(move || while theirs.write_all(&[7; 1 << 20]).is_ok() {});
        let task = gort::spawn(async move {
            use gort::io::AsyncReadExt;
            let stop = bystander();
            let mut byte = [0];
            while !stop.load(Relaxed) {
                AsyncReadExt::read_exact(&mut ours, &mut byte).await.unwrap();
            }
        });
        task.wait().unwrap();
        writer.join().unwrap();
    });
}

/// Two tasks that wake each other into `runnext` share one slice: a third has its turn.
#[test]
fn runnext_starves_nobody() {
    gives_way("runnext_starves_nobody", || {
        // The players come first, and the third when they play.
        let stop = Arc::new(Mutex::new(None::<Arc<AtomicBool>>));
        let slots: [Arc<Mutex<Option<Waker>>>; 2] = Default::default();
        let players: Vec<_> = (0..2)
            .map(|i| {
                let (mine, other) = (slots[i].clone(), slots[1 - i].clone());
                let stop = stop.clone();
                gort::spawn(poll_fn(move |cx| {
                    *mine.lock().unwrap() = Some(cx.waker().clone());
                    let waker = other.lock().unwrap().take();
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                    let mut stop = stop.lock().unwrap();
                    if stop.get_or_insert_with(bystander).load(Relaxed) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                }))
            })
            .collect();
        for player in players {
            player.wait().unwrap();
        }
    });
}
