//! Pollers of their own, apart from the process's: waking, deadlines, turns.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::Wake;
use std::thread;
use std::time::Instant;

use mio::Interest;
use mio::event::Source;
use mio::unix::SourceFd;

use super::*;
use crate::desc::side::Park;

fn nobody(_: Waker) {
    panic!("nobody waits");
}

fn poll(netpoll: &NetPoll, delay: Delay) {
    netpoll.poll(delay, &mut nobody).unwrap();
}

fn blocked(netpoll: &NetPoll) {
    while !netpoll.wakesig.is_blocked() {
        thread::yield_now();
    }
}

#[test]
fn wakes_with_nobody_blocked_make_the_next_poll_return_and_only_that() {
    let netpoll = NetPoll::new().unwrap();
    for _ in 0..1000 {
        netpoll.wake();
    }
    poll(&netpoll, Delay::Now);
    poll(&netpoll, Delay::Forever);
    let start = Instant::now();
    poll(&netpoll, Delay::Nanos(2_000_000));
    assert!(
        start.elapsed() >= Duration::from_millis(2),
        "a thousand wakes are one"
    );
}

#[test]
fn no_wake_is_lost() {
    const ROUNDS: usize = 20_000;
    let netpoll = NetPoll::new().unwrap();
    let (wanted, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (seen, sees) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = 0;
            while last < ROUNDS {
                // A wake that is lost after this load leaves us blocked for good.
                let now = wanted.load(SeqCst);
                if now == last {
                    poll(&netpoll, Delay::Forever);
                } else {
                    last = now;
                    seen.send(last).unwrap();
                }
            }
        });
        // Makes polls return for no reason, and leaves late writes in the eventfd.
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                netpoll.wake();
                thread::yield_now();
            }
        });
        for round in 1..=ROUNDS {
            if round == ROUNDS / 2 {
                stop.store(true, SeqCst);
            }
            wanted.store(round, SeqCst);
            netpoll.wake();
            assert_eq!(sees.recv().unwrap(), round);
        }
    });
}

#[test]
fn who_finds_somebody_polling_returns_at_once() {
    let netpoll = NetPoll::new().unwrap();
    thread::scope(|scope| {
        let blocking = scope.spawn(|| poll(&netpoll, Delay::Forever));
        blocked(&netpoll);
        poll(&netpoll, Delay::Forever);
        assert!(!blocking.is_finished());
        netpoll.wake();
        blocking.join().unwrap();
        assert!(!netpoll.wakesig.is_blocked());
    });
}

#[test]
fn deadlines_are_never_early() {
    let netpoll = NetPoll::new().unwrap();
    let mut late = Vec::new();
    for nanos in [1, 999, 20_000, 100_000, 999_999, 1_000_000, 1_500_001, 3_000_000] {
        let start = Instant::now();
        poll(&netpoll, Delay::Nanos(nanos));
        let took = start.elapsed();
        assert!(took >= Duration::from_nanos(nanos), "{nanos} ns took {took:?}");
        late.push(took - Duration::from_nanos(nanos));
    }
    println!("late by {late:?}");
}

#[test]
fn the_timer_is_set_only_when_that_matters() {
    let netpoll = NetPoll::new().unwrap();
    let system_calls = || netpoll.turn.lock().unwrap().timer.system_calls;
    let interrupted = |nanos| {
        netpoll.wake();
        poll(&netpoll, Delay::Nanos(nanos));
    };
    interrupted(20_000_000_000);
    assert_eq!(system_calls(), 1);
    // The same deadline seen from later on, and later ones.
    (0..100).for_each(|_| interrupted(20_000_000_000));
    interrupted(30_000_000_000);
    assert_eq!(system_calls(), 1);
    // An earlier one.
    interrupted(10_000_000_000);
    assert_eq!(system_calls(), 2);
    // Without a deadline there must be no wake-up later on.
    netpoll.wake();
    poll(&netpoll, Delay::Forever);
    netpoll.wake();
    poll(&netpoll, Delay::Forever);
    assert_eq!(system_calls(), 3);
    // One that has passed unnoticed is set again, and its old expiry does not count.
    interrupted(1);
    let start = Instant::now();
    poll(&netpoll, Delay::Nanos(2_000_000));
    assert!(start.elapsed() >= Duration::from_millis(2));
    assert_eq!(system_calls(), 5);
    poll(&netpoll, Delay::Now);
    poll(&netpoll, Delay::Nanos(0));
    poll(&netpoll, Delay::Nanos(1));
    assert_eq!(system_calls(), 6);
    interrupted(u64::MAX);
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: std::sync::Arc<Self>) {}
}

#[test]
fn an_event_hands_over_the_waker_and_nobody_waits_any_more() {
    let netpoll = NetPoll::new().unwrap();
    let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    reader.set_nonblocking(true).unwrap();
    let (key, desc) = SLAB.open(false, false);
    SourceFd(&reader.as_raw_fd())
        .register(&netpoll.registry, key.token(), Interest::READABLE)
        .unwrap();
    let waker = Waker::from(std::sync::Arc::new(Nothing));
    assert_eq!(desc.read.park_slot(&waker), Park::Parked);
    poll(&netpoll, Delay::Now);
    assert!(desc.has_waiters() && netpoll.has_waiters());

    std::io::Write::write_all(&mut &writer, b"x").unwrap();
    let mut handed = 0;
    let mut ready = |woken: Waker| {
        assert!(woken.will_wake(&waker));
        assert!(!desc.has_waiters());
        handed += 1;
    };
    netpoll.poll(Delay::Forever, &mut ready).unwrap();
    assert_eq!(handed, 1);
    assert!(desc.read.seen().is_ready() && !desc.write.seen().is_ready());
    assert!(!netpoll.has_waiters());

    // The fd is gone, its last event is still on the way: it reaches nobody.
    std::io::Write::write_all(&mut &writer, b"y").unwrap();
    SLAB.close(key);
    let (next, desc) = SLAB.open(false, false);
    poll(&netpoll, Delay::Now);
    assert!(next.index != key.index || !desc.read.seen().is_ready());
    SLAB.close(next);
}
