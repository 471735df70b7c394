//! Models of the state word under loom, see ci/loom.sh. The file itself is compiled here.
//!
//! A G is a body that waits for flags. Whoever makes it runnable runs it then and there, so that nothing but the
//! word orders one run and the next, nor a waker's flag and the run that looks for it: stricter than the queues
//! of the scheduler, which order too. The executor's models have the handle's side of the word.
#![cfg(loom)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the models use a part of what they include"
)]

#[path = "loom/atomic.rs"]
mod atomic;
#[path = "loom/model.rs"]
mod model;
#[path = "../src/state.rs"]
mod state;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use loom::cell::UnsafeCell;
use loom::thread;
use model::model;
use state::{Birth, Complete, Idle, MAX_LEVEL, Park, Start, State, Wake};

/// Why a body waits: every bit that there is for it.
const REASON: u8 = 0b111;

/// How one stretch of a body's run ended.
enum Step {
    Done,
    /// Pending at base, having asked to yield or not.
    Pending {
        yields: bool,
    },
    /// Parked mid-stack, having asked to yield or not.
    Park {
        level: u8,
        yields: bool,
    },
}

/// A body: called again where it stopped, with what has stopped it.
type Body = Box<dyn FnMut(&Task, Start) -> Step>;

/// A G, and the books on it. The books and the memory are std's: they order nothing.
struct Task {
    state: State,
    body: UnsafeCell<Body>,
    flags: [atomic::AtomicBool; 2],
    runs: std::sync::atomic::AtomicU32,
    ended: std::sync::atomic::AtomicU32,
    dropped: std::sync::atomic::AtomicU32,
    freed: std::sync::atomic::AtomicU32,
}

// SAFETY: loom runs one thread at a time, and checks the accesses to the body.
unsafe impl Sync for Task {}
// SAFETY: as above.
unsafe impl Send for Task {}

impl Task {
    /// A runnable task with a reference for each of `wakers`.
    fn new(wakers: usize, body: impl FnMut(&Task, Start) -> Step + 'static) -> Arc<Task> {
        let task = Arc::new(Task {
            state: State::new(Birth::default()),
            body: UnsafeCell::new(Box::new(body)),
            flags: [false, false].map(atomic::AtomicBool::new),
            runs: 0.into(),
            ended: 0.into(),
            dropped: 0.into(),
            freed: 0.into(),
        });
        for _ in 0..wakers {
            task.state.ref_inc();
        }
        task
    }

    fn has(&self, flag: usize) -> bool {
        self.flags[flag].load(Relaxed)
    }

    /// What the M does that took it out of a queue (sched/schedule.rs execute, base.rs run and reap).
    fn run(&self) {
        loop {
            let start = self.state.start();
            if start == Start::Reap {
                self.drop_body();
                return self.finish();
            }
            self.runs.fetch_add(1, Relaxed);
            // SAFETY: the model under test: who started it has it alone.
            match self.body.with_mut(|body| unsafe { (*body)(self, start) }) {
                Step::Done => {
                    self.ended.fetch_add(1, Relaxed);
                    self.drop_body();
                    return self.finish();
                }
                Step::Pending { yields: true } => {
                    self.state.yield_base();
                }
                Step::Pending { yields: false } => match self.state.idle(REASON) {
                    Idle::Waiting => return,
                    Idle::Requeue { .. } => {}
                    Idle::Reap => {
                        self.drop_body();
                        return self.finish();
                    }
                },
                Step::Park { level, yields: true } => self.state.yield_mid_stack(level),
                Step::Park { level, yields: false } => {
                    if self.state.park(level) == Park::Waiting {
                        return;
                    }
                }
            }
        }
    }

    fn drop_body(&self) {
        // SAFETY: as in `run`.
        self.body
            .with_mut(|body| unsafe { *body = Box::new(|_, _| panic!("a dropped body runs")) });
        self.dropped.fetch_add(1, Relaxed);
    }

    fn finish(&self) {
        assert_eq!(self.state.complete(false), Complete::Dead { join_waker: false });
        self.settle(self.state.ref_dec());
    }

    fn settle(&self, wake: Wake) {
        match wake {
            Wake::Nothing => {}
            Wake::Ready { .. } => self.run(),
            Wake::Free => {
                // Like a drop: every use of it must have happened before.
                self.body.with_mut(|_| {});
                self.freed.fetch_add(1, Relaxed);
            }
        }
    }

    /// A waker of `level` fires: by value, or by reference and is then dropped.
    fn wake(&self, flag: usize, level: u8, by_value: bool) {
        self.flags[flag].store(true, Relaxed);
        if by_value {
            self.settle(self.state.wake_by_val(level));
        } else {
            self.settle(self.state.wake_by_ref(level));
            self.settle(self.state.ref_dec());
        }
    }

    /// After all threads: whether the body came to its end, once; in any case it is gone, once, and its memory.
    fn check(&self, ended: bool) {
        assert_eq!(
            self.ended.load(Relaxed),
            u32::from(ended),
            "a wake-up was lost, or came twice"
        );
        assert_eq!(self.dropped.load(Relaxed), 1);
        assert_eq!(self.freed.load(Relaxed), 1);
        assert_eq!(self.state.refs(), 0);
    }
}

/// Runs `f` on a thread of its own.
fn with(task: &Arc<Task>, f: impl FnOnce(&Task) + 'static) -> thread::JoinHandle<()> {
    let task = Arc::clone(task);
    thread::spawn(move || f(&task))
}

fn join<const N: usize>(threads: [thread::JoinHandle<()>; N]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Waits at base for both flags.
fn both(task: &Task, start: Start) -> Step {
    assert_eq!(start, Start::Base);
    if task.has(0) && task.has(1) {
        Step::Done
    } else {
        Step::Pending { yields: false }
    }
}

/// Waits at base for the first flag.
fn first(task: &Task, start: Start) -> Step {
    assert_eq!(start, Start::Base);
    if task.has(0) {
        Step::Done
    } else {
        Step::Pending { yields: false }
    }
}

#[test]
fn two_wakers_at_base() {
    for (a, b) in [(true, true), (true, false)] {
        model(3, move || {
            let task = Task::new(2, both);
            let wakers = [
                with(&task, move |task| task.wake(0, 0, a)),
                with(&task, move |task| task.wake(1, 0, b)),
            ];
            task.run();
            join(wakers);
            task.check(true);
            assert!(task.runs.load(Relaxed) <= 3, "polled without a wake-up");
        });
    }
}

/// Each wake-up is for what it says: a wake at level 0 does not resume the wait at level 1, and both are seen.
#[test]
fn an_inner_and_an_outer_wait() {
    for (outer, inner) in [(true, true), (false, true), (true, false)] {
        model(2, move || {
            // join!(outer, async { inner.wait() }), each of which is done once: see park.rs wait_on_g.
            let (mut outer_done, mut inner_done, mut polls) = (false, false, 0);
            let task = Task::new(2, move |task, start| {
                if start == Start::Base {
                    polls += 1;
                    outer_done = task.has(0);
                    assert!(outer_done || polls == 1, "polled without a wake-up");
                    if !inner_done {
                        task.state.begin_level(1);
                    }
                }
                if !inner_done && !task.has(1) {
                    assert_eq!(start, Start::Base, "resumed by a wake of another level");
                    return Step::Park {
                        level: 1,
                        yields: false,
                    };
                }
                inner_done = true;
                if outer_done {
                    Step::Done
                } else {
                    Step::Pending { yields: false }
                }
            });
            let wakers = [
                with(&task, move |task| task.wake(0, 0, outer)),
                with(&task, move |task| task.wake(1, 1, inner)),
            ];
            task.run();
            join(wakers);
            task.check(true);
        });
    }
}

/// A waker that is left from an earlier wait of the same level: `begin_level` forgets its bit, not what it wrote.
#[test]
fn a_wake_before_the_wait_begins() {
    model(4, || {
        let task = Task::new(1, |task, start| {
            if start == Start::Base {
                task.state.begin_level(1);
            }
            if task.has(0) {
                return Step::Done;
            }
            Step::Park {
                level: 1,
                yields: false,
            }
        });
        let wakers = [with(&task, |task| task.wake(0, 1, true))];
        task.run();
        join(wakers);
        task.check(true);
    });
}

/// Waits deeper than `MAX_LEVEL` share their bit: what resumes the inner one may have been meant for the outer.
#[test]
fn two_waits_that_share_a_level() {
    model(3, || {
        let (mut inside, mut parked) = (true, false);
        let task = Task::new(2, move |task, start| {
            if start == Start::Base {
                task.state.begin_level(MAX_LEVEL);
            }
            if inside {
                if !task.has(1) {
                    parked = true;
                    return Step::Park {
                        level: MAX_LEVEL,
                        yields: false,
                    };
                }
                inside = false;
                if parked {
                    task.state.renotify(MAX_LEVEL);
                }
            }
            if task.has(0) {
                return Step::Done;
            }
            Step::Park {
                level: MAX_LEVEL,
                yields: false,
            }
        });
        let wakers = [
            with(&task, |task| task.wake(0, MAX_LEVEL, true)),
            with(&task, |task| task.wake(1, MAX_LEVEL, true)),
        ];
        task.run();
        join(wakers);
        task.check(true);
    });
}

/// A yield is no wait: it consumes no wake-up that came meanwhile.
#[test]
fn a_yield_and_a_wake() {
    for mid_stack in [false, true] {
        model(4, move || {
            let mut yielded = false;
            let task = Task::new(1, move |task, _| {
                let yields = !std::mem::replace(&mut yielded, true);
                if task.has(0) {
                    Step::Done
                } else if mid_stack {
                    Step::Park { level: 1, yields }
                } else {
                    Step::Pending { yields }
                }
            });
            let level = u8::from(mid_stack);
            let wakers = [with(&task, move |task| task.wake(0, level, true))];
            task.run();
            join(wakers);
            task.check(true);
        });
    }
}

/// Nobody can ever wake it again: it is run once more, to be dropped.
#[test]
fn the_last_wakers_go_without_a_wake() {
    model(3, || {
        let task = Task::new(2, first);
        let drop_one = |task: &Task| task.settle(task.state.ref_dec());
        let wakers = [with(&task, drop_one), with(&task, drop_one)];
        task.run();
        join(wakers);
        task.check(false);
    });
}

#[test]
fn one_waker_fires_and_one_is_dropped() {
    for by_value in [true, false] {
        model(3, move || {
            let task = Task::new(2, first);
            let wakers = [
                with(&task, move |task| task.wake(0, 0, by_value)),
                with(&task, |task| task.settle(task.state.ref_dec())),
            ];
            task.run();
            join(wakers);
            task.check(true);
        });
    }
}

/// The waker of the outer wait goes while the G is parked in an inner one: the G has frames, and keeps itself.
#[test]
fn the_outer_waker_is_dropped_during_an_inner_wait() {
    model(3, || {
        let task = Task::new(2, |task, start| {
            if start == Start::Base {
                task.state.begin_level(1);
            }
            if task.has(1) {
                return Step::Done;
            }
            Step::Park {
                level: 1,
                yields: false,
            }
        });
        let wakers = [
            with(&task, |task| task.settle(task.state.ref_dec())),
            with(&task, |task| task.wake(1, 1, true)),
        ];
        task.run();
        join(wakers);
        task.check(true);
    });
}

/// A clone keeps the task alive when the original goes.
#[test]
fn a_waker_is_cloned_and_handed_on() {
    model(4, || {
        let task = Task::new(1, first);
        let wakers = [with(&task, |task| {
            task.state.ref_inc();
            let clone = {
                let task: *const Task = task;
                // SAFETY: the model's Arc outlives the thread, which is joined below.
                thread::spawn(move || unsafe { &*task }.wake(0, 0, true))
            };
            task.settle(task.state.ref_dec());
            clone.join().unwrap();
        })];
        task.run();
        join(wakers);
        task.check(true);
    });
}
