//! The readiness protocol against a kernel made of counters: who is woken, in which order, and that nothing
//! is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use super::Readiness;
use super::side::{Park, Side};
use super::slab::Slab;
use crate::op::{Attempt, Op};

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Writes its name down when it is woken.
struct Named(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[derive(Clone, Default)]
struct Woken(Arc<Mutex<Vec<usize>>>);

impl Woken {
    fn waker(&self, name: usize) -> Waker {
        Waker::from(Arc::new(Named(name, self.0.clone())))
    }

    fn take(&self) -> Vec<usize> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// What the operations of a test do when they are tried.
#[derive(Clone, Copy, PartialEq)]
enum Say {
    Done,
    Short,
    WouldBlock,
    Panic,
}

type Try = Box<dyn FnMut() -> Attempt<()>>;

fn op<'a>(side: &'a Side, say: &Arc<Mutex<Say>>) -> Pin<Box<Op<'a, Try>>> {
    let say = say.clone();
    let run: Try = Box::new(move || {
        let say = *say.lock().unwrap();
        match say {
            Say::Done => Attempt::Done(()),
            Say::Short => Attempt::Short(()),
            Say::WouldBlock => Attempt::WouldBlock,
            Say::Panic => panic!("an operation that panics"),
        }
    });
    Box::pin(Op::new(side, run))
}

fn poll(op: &mut Pin<Box<Op<'_, Try>>>, waker: &Waker) -> Poll<()> {
    op.as_mut().poll(&mut Context::from_waker(waker))
}

fn event(side: &Side, sticky: bool) {
    side.event(side.seen().seq(), sticky, &mut Waker::wake);
}

struct Waiters<'a> {
    say: Arc<Mutex<Say>>,
    woken: Woken,
    ops: Vec<Option<Pin<Box<Op<'a, Try>>>>>,
}

impl<'a> Waiters<'a> {
    fn queue(side: &'a Side, count: usize) -> Self {
        let say = Arc::new(Mutex::new(Say::WouldBlock));
        let mut waiters = Waiters {
            say,
            woken: Woken::default(),
            ops: Vec::new(),
        };
        for name in 0..count {
            waiters.ops.push(Some(op(side, &waiters.say)));
            assert!(waiters.poll(name).is_pending());
        }
        waiters
    }

    fn says(&self, say: Say) {
        *self.say.lock().unwrap() = say;
    }

    fn poll(&mut self, name: usize) -> Poll<()> {
        poll(self.ops[name].as_mut().unwrap(), &self.woken.waker(name))
    }

    fn drop(&mut self, name: usize) {
        self.ops[name] = None;
    }

    /// Whoever is woken is polled, until nobody is; returns the order.
    fn run(&mut self) -> Vec<usize> {
        let mut order = Vec::new();
        loop {
            let woken = self.woken.take();
            if woken.is_empty() {
                return order;
            }
            for name in woken {
                order.push(name);
                let _ = self.poll(name);
            }
        }
    }
}

#[test]
fn an_event_wakes_the_first_and_success_the_next() {
    let side = Side::new();
    let mut w = Waiters::queue(&side, 4);
    w.says(Say::Done);
    event(&side, false);
    assert_eq!(w.woken.take(), [0]);
    assert!(w.poll(0).is_ready());
    assert_eq!(w.woken.take(), [1]);
    assert!(w.poll(1).is_ready());
    assert_eq!(w.woken.take(), [2]);
    w.says(Say::Short);
    assert!(w.poll(2).is_ready());
    assert_eq!(w.woken.take(), [], "a short transfer leaves nothing for the next");
    assert!(side.has_waiters());
    event(&side, false);
    assert_eq!(w.woken.take(), [3]);
    assert!(!side.has_waiters());
}

#[test]
fn a_notified_waiter_that_is_dropped_passes_it_on() {
    let side = Side::new();
    let mut w = Waiters::queue(&side, 3);
    event(&side, false);
    assert_eq!(w.woken.take(), [0]);
    w.drop(0);
    assert_eq!(w.woken.take(), [1]);
    w.drop(1);
    assert_eq!(w.woken.take(), [2]);
    w.says(Say::Done);
    assert!(w.poll(2).is_ready());
}

#[test]
fn a_queued_waiter_that_is_dropped_leaves_the_others_in_order() {
    let side = Side::new();
    let mut w = Waiters::queue(&side, 5);
    w.drop(2);
    w.drop(0);
    w.drop(4);
    assert_eq!(w.woken.take(), []);
    w.says(Say::Done);
    event(&side, false);
    assert_eq!(w.run(), [1, 3]);
    assert!(!side.has_waiters());
    for name in [1, 3] {
        w.drop(name);
    }
}

#[test]
fn who_was_woken_in_vain_keeps_its_place() {
    let side = Side::new();
    let mut w = Waiters::queue(&side, 3);
    event(&side, false);
    event(&side, false);
    assert_eq!(w.woken.take(), [0, 1]);
    // Both find nothing, the second one first.
    assert!(w.poll(1).is_pending());
    assert!(w.poll(0).is_pending());
    w.says(Say::Done);
    event(&side, false);
    assert_eq!(w.run(), [0, 1, 2]);
}

#[test]
fn a_spurious_poll_keeps_the_place_and_takes_the_new_waker() {
    let side = Side::new();
    let mut w = Waiters::queue(&side, 2);
    let renamed = w.woken.waker(7);
    assert!(poll(w.ops[0].as_mut().unwrap(), &renamed).is_pending());
    w.says(Say::Done);
    event(&side, false);
    assert_eq!(w.woken.take(), [7]);
    assert!(w.poll(0).is_ready());
    assert_eq!(w.woken.take(), [1]);
}

#[test]
fn an_operation_that_panics_passes_it_on() {
    let side = Side::new();
    let mut w = Waiters::queue(&side, 2);
    w.says(Say::Panic);
    event(&side, false);
    assert_eq!(w.woken.take(), [0]);
    assert!(catch_unwind(AssertUnwindSafe(|| w.poll(0))).is_err());
    w.drop(0);
    assert_eq!(w.woken.take(), [1]);
}

#[test]
fn who_comes_in_between_takes_it_and_the_woken_one_waits_on() {
    let side = Side::new();
    let mut w = Waiters::queue(&side, 1);
    event(&side, false);
    assert_eq!(w.woken.take(), [0]);
    assert!(side.attempt(&mut || Attempt::Short(())).is_some());
    assert!(w.poll(0).is_pending());
    event(&side, false);
    assert_eq!(w.woken.take(), [0]);
}

#[test]
fn the_end_of_the_file_reaches_every_waiter() {
    let side = Side::new();
    let mut w = Waiters::queue(&side, 4);
    w.says(Say::Short);
    event(&side, true);
    assert_eq!(w.run(), [0, 1, 2, 3]);
    assert!(side.seen().is_ready());
}

#[test]
fn an_event_wakes_every_slot_and_one_of_the_queue() {
    let side = Side::new();
    let mut w = Waiters::queue(&side, 2);
    for name in [10, 11, 12] {
        assert_eq!(side.park_slot(&w.woken.waker(name)), Park::Parked);
    }
    let same = w.woken.waker(13);
    assert_eq!(side.park_slot(&same), Park::Parked);
    assert_eq!(side.park_slot(&same), Park::Parked);
    event(&side, false);
    let mut woken = w.woken.take();
    woken.sort_unstable();
    assert_eq!(woken, [0, 10, 11, 12, 13]);
    assert_eq!(side.park_slot(&same), Park::Ready);
    w.says(Say::Done);
    assert!(w.poll(0).is_ready());
    assert_eq!(w.woken.take(), [1]);
}

#[test]
fn no_waker_is_left_behind() {
    let side = Side::new();
    let waker = Arc::new(Named(0, Arc::default()));
    let kept = || Arc::strong_count(&waker) - 1;
    let mut ops: Vec<_> = (0..8)
        .map(|_| op(&side, &Arc::new(Mutex::new(Say::WouldBlock))))
        .collect();
    for op in &mut ops {
        assert!(poll(op, &Waker::from(waker.clone())).is_pending());
    }
    assert_eq!(side.park_slot(&Waker::from(waker.clone())), Park::Parked);
    assert_eq!(kept(), 9);
    event(&side, false);
    assert_eq!(kept(), 7);
    ops.clear();
    assert_eq!(kept(), 0);
    assert!(side.attempt(&mut || Attempt::<()>::WouldBlock).is_none());
    assert_eq!(side.park_slot(&Waker::from(waker.clone())), Park::Parked);
    side.close();
    assert_eq!(kept(), 0);
}

#[test]
fn a_million_users_of_one_descriptor_and_no_stale_event() {
    static SLAB: Slab = Slab::new();
    let all = Readiness {
        read: true,
        read_sticky: true,
        write: true,
        write_sticky: true,
    };
    let mut last = None;
    for _ in 0..1_000_000 {
        let (key, desc) = SLAB.open(false, false);
        if let Some(last) = last.replace(key) {
            assert_ne!(last, key);
            assert_eq!(last.index, key.index, "memory is reused");
            let before = (desc.read.seen(), desc.write.seen());
            desc.event(last.seq, all, &mut |_| panic!("nobody waits"));
            assert_eq!(before, (desc.read.seen(), desc.write.seen()));
        }
        desc.event(key.seq, all, &mut |_| panic!("nobody waits"));
        assert!(desc.read.seen().is_ready() && desc.write.seen().is_ready());
        SLAB.close(key);
    }
}

#[test]
fn descriptors_are_distinct_and_found_by_index() {
    static SLAB: Slab = Slab::new();
    assert!(SLAB.get(0).is_none());
    let open: Vec<_> = (0..5000).map(|_| SLAB.open(true, false)).collect();
    for (nth, (key, desc)) in open.iter().enumerate() {
        assert_eq!(key.index as usize, nth);
        assert!(std::ptr::eq(SLAB.get(key.index).unwrap(), *desc));
        assert!(desc.read.seen().is_ready() && !desc.write.seen().is_ready());
    }
    assert!(SLAB.iter().count() >= open.len());
    assert!(SLAB.get(u32::MAX).is_none());
    open.into_iter().for_each(|(key, _)| SLAB.close(key));
}

/// A pipe of counted items that tells a side of it, as an edge-triggered kernel would, when items come.
struct Pipe {
    side: Side,
    items: AtomicUsize,
    ended: AtomicBool,
}

impl Pipe {
    fn put(&self, items: usize) {
        self.items.fetch_add(items, SeqCst);
        event(&self.side, false);
    }

    fn end(&self) {
        self.ended.store(true, SeqCst);
        event(&self.side, true);
    }

    /// Takes up to `most`; 0 is the end.
    fn take(&self, most: usize) -> Attempt<usize> {
        let ended = self.ended.load(SeqCst);
        let took = |items: usize| items.checked_sub(items.min(most)).filter(|left| *left != items);
        match self.items.fetch_update(SeqCst, SeqCst, took) {
            Ok(items) if items < most => Attempt::Short(items),
            Ok(_) => Attempt::Done(most),
            Err(_) if ended => Attempt::Done(0),
            Err(_) => Attempt::WouldBlock,
        }
    }
}

#[test]
fn nothing_is_lost_under_load_with_cancelled_waiters() {
    const ROUNDS: usize = 4_000;
    let pipe = Pipe {
        side: Side::new(),
        items: AtomicUsize::new(0),
        ended: AtomicBool::new(false),
    };
    let pipe = &pipe;
    let (put, taken) = thread::scope(|scope| {
        let takers: Vec<_> = (1..=6)
            .map(|nth| {
                scope.spawn(move || {
                    let mut taken = 0;
                    let mut round = nth;
                    loop {
                        round += 1;
                        let mut op = Box::pin(Op::new(&pipe.side, || pipe.take(nth)));
                        let waker = Waker::from(Arc::new(Unpark(thread::current())));
                        let mut cx = Context::from_waker(&waker);
                        let took = loop {
                            match op.as_mut().poll(&mut cx) {
                                Poll::Ready(took) => break Some(took),
                                // Some give up once they have been woken, or before.
                                Poll::Pending if round % 3 == 0 => break None,
                                Poll::Pending => thread::park(),
                            }
                            if round % 5 == 0 {
                                break None;
                            }
                        };
                        match took {
                            Some(0) => return taken,
                            Some(took) => taken += took,
                            None => {}
                        }
                    }
                })
            })
            .collect();
        let mut put = 0;
        for round in 0..ROUNDS {
            let items = round % 7 + 1;
            put += items;
            pipe.put(items);
            if round % 16 == 0 {
                thread::yield_now();
            }
        }
        pipe.end();
        (
            put,
            takers
                .into_iter()
                .map(|taker| taker.join().unwrap())
                .sum::<usize>(),
        )
    });
    assert_eq!(taken, put);
    assert!(!pipe.side.has_waiters());
}

/// A future that is leaked while it waits leaves nothing behind in the descriptor, whose next user's event goes to who
/// waits for that one.
#[test]
fn a_leaked_waiter_takes_no_event_of_the_next_user() {
    static SLAB: Slab = Slab::new();
    let woken = Woken::default();
    let say = Arc::new(Mutex::new(Say::WouldBlock));
    let (key, desc) = SLAB.open(false, false);
    let mut leaked = op(&desc.read, &say);
    assert!(poll(&mut leaked, &woken.waker(1)).is_pending());
    std::mem::forget(leaked);
    SLAB.close(key);

    let (next, desc) = SLAB.open(false, false);
    assert_eq!(next.index, key.index);
    assert!(!desc.has_waiters());
    let mut waits = op(&desc.read, &say);
    assert!(poll(&mut waits, &woken.waker(2)).is_pending());
    event(&desc.read, false);
    assert_eq!(woken.take(), [2]);
}
