//! Models of the claim handshake (rule 3) under loom, see ci/loom.sh. src/claim.rs and src/sched/enter.rs themselves are
//! compiled here. Ms come into the runtime, use the P if they have it, and go out again; sysmon claims it.
//!
//! Loom has no membarrier: the light fence is a full one, as on a kernel without it. Whoever uses a P writes a plain
//! word of it, so that loom reports two uses that nothing orders, and an entry in the model's books, which finds two at
//! once that happen to be ordered.
#![cfg(loom)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the models use a part of what they include"
)]

#[path = "../src/claim.rs"]
mod claim;
#[path = "../src/sched/enter.rs"]
mod enter;
#[path = "loom/atomic.rs"]
mod loom_atomic;
#[path = "loom/model.rs"]
mod model;

use loom::cell::{Cell, UnsafeCell};
use loom::sync::{Mutex, MutexGuard};
use loom::thread;
use model::model;

use loom_atomic::without_fence;
use m::M;
use p::P;
use sched::{SCHED, loan};

/// Loom may forget that a store came after another thread's compare-and-swap, when nothing but the word orders the two.
/// A swap it always puts last. It orders no more of what the models look at.
mod atomic {
    pub(crate) use crate::loom_atomic::{Ordering, fence};

    pub(crate) struct AtomicU32(crate::loom_atomic::AtomicU32);

    impl AtomicU32 {
        pub(crate) fn new(value: u32) -> AtomicU32 {
            AtomicU32(crate::loom_atomic::AtomicU32::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> u32 {
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: u32, order: Ordering) {
            self.0.swap(value, order);
        }

        pub(crate) fn compare_exchange(
            &self,
            old: u32,
            new: u32,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u32, u32> {
            self.0.compare_exchange(old, new, success, failure)
        }
    }
}

mod fence {
    use crate::atomic::{Ordering, fence};

    pub(crate) fn light() {
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
    }
}

/// Nobody forks in a model.
mod life {
    pub(crate) fn is_forked() -> bool {
        false
    }
}

mod m {
    use super::*;

    pub(crate) struct M {
        pub(crate) id: u32,
        pub(crate) seq: claim::Seq,
        pub(crate) p: Cell<Option<&'static P>>,
    }
}

mod p {
    use super::*;

    pub(crate) struct P {
        pub(crate) owner: claim::Owner,
        /// Under the lock.
        pub(crate) lender: Cell<Option<&'static M>>,
        /// What only its holder touches.
        pub(crate) plain: UnsafeCell<u32>,
        /// Others read it.
        pub(crate) runs: loom_atomic::AtomicU32,
    }
}

mod sched {
    use super::*;

    loom::lazy_static! {
        pub(crate) static ref SCHED: Sched = Sched {
            lock: Lock(Mutex::new(Shared { idle: None })),
            ms: [1, 2].map(|id| M { id, seq: claim::Seq::new(), p: Cell::new(None) }),
            p: P {
                owner: claim::Owner::new(),
                lender: Cell::new(None),
                plain: UnsafeCell::new(0),
                runs: loom_atomic::AtomicU32::new(0),
            },
            books: std::sync::Mutex::new(Books { user: None, uses: 0 }),
        };
    }

    pub(crate) struct Sched {
        pub(crate) lock: Lock,
        pub(crate) ms: [M; 2],
        pub(crate) p: P,
        /// Loom switches only in its own operations, so this orders nothing.
        pub(crate) books: std::sync::Mutex<Books>,
    }

    pub(crate) struct Shared {
        pub(crate) idle: Option<&'static P>,
    }

    pub(crate) struct Books {
        pub(crate) user: Option<u32>,
        pub(crate) uses: u32,
    }

    // SAFETY: loom checks how Ms and Ps are used.
    unsafe impl Sync for Sched {}
    // SAFETY: as above.
    unsafe impl Send for Sched {}

    pub(crate) struct Lock(pub(super) Mutex<Shared>);

    impl Lock {
        pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
            self.0.lock().unwrap()
        }
    }

    /// What src/sched/loan.rs comes down to.
    pub(crate) mod loan {
        use super::*;

        /// As sysmon: `m` was in user code at `seen`.
        pub(crate) fn take(_: &mut Shared, p: &'static P, m: &'static M, seen: u32) -> bool {
            let taken = p.owner.claim(m.id, &m.seq, seen, fence::heavy);
            if taken {
                p.lender.set(Some(m));
            }
            taken
        }

        /// False: the M that it was taken from has noticed.
        pub(crate) fn give_back(_: &mut Shared, p: &'static P) -> bool {
            let lender = p.lender.take();
            if let Some(lender) = lender {
                p.owner.set(lender.id);
            }
            lender.is_some()
        }

        pub(crate) fn noticed(_: &mut Shared, m: &'static M, p: &'static P) {
            if p.lender.get().is_some_and(|lender| lender.id == m.id) {
                p.lender.set(None);
            }
        }
    }
}

const SYSMON: u32 = 0;

/// By who holds it: the M of that id, in the runtime, or sysmon.
fn use_p(p: &'static P, user: u32) {
    let was = SCHED.books.lock().unwrap().user.replace(user);
    assert_eq!(was, None, "two hold the P");
    // SAFETY: the model under test; loom checks it.
    p.plain.with_mut(|plain| unsafe { *plain += 1 });
    let runs = p.runs.load(atomic::Ordering::Relaxed);
    p.runs.store(runs + 1, atomic::Ordering::Relaxed);
    let mut books = SCHED.books.lock().unwrap();
    books.user = None;
    books.uses += 1;
}

fn acquirep(m: &'static M, p: &'static P) {
    p.owner.set(m.id);
    m.p.set(Some(p));
}

/// The first M holds the P and is in user code; so is the other, without one.
fn boot() -> (&'static M, &'static M, &'static P) {
    let [first, second] = &SCHED.ms;
    acquirep(first, &SCHED.p);
    enter::go_out(first);
    enter::go_out(second);
    (first, second, &SCHED.p)
}

/// Comes in, uses the P if it has it, and goes out.
fn visit(m: &'static M) {
    let _inside = enter::enter(m);
    if let Some(p) = m.p.get() {
        use_p(p, m.id);
    }
}

fn take(p: &'static P, m: &'static M) -> bool {
    let seen = m.seq.look();
    loan::take(&mut SCHED.lock.lock(), p, m, seen)
}

/// When all threads but this have ended: an M has the P exactly if it is that M's, and no use was lost.
fn check(p: &'static P) {
    for m in &SCHED.ms {
        enter::come_in(m);
        assert_eq!(m.p.get().is_some(), p.owner.holder() == Some(m.id));
    }
    let uses = SCHED.books.lock().unwrap().uses;
    // SAFETY: nobody else is left.
    assert_eq!(p.plain.with(|plain| unsafe { *plain }), uses);
    assert_eq!(p.runs.load(atomic::Ordering::Relaxed), uses);
}

/// sysmon claims while the M comes and goes, and keeps what it gets.
fn taken() {
    let (m, _, p) = boot();
    let other = thread::spawn(move || (0..2).for_each(|_| visit(m)));
    for _ in 0..2 {
        if take(p, m) {
            use_p(p, SYSMON);
            break;
        }
    }
    other.join().unwrap();
    check(p);
}

#[test]
fn a_p_is_taken_from_an_m_that_comes_and_goes() {
    model(4, taken);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_the_fence_of_who_comes_in() {
    without_fence(
        "loom_claim.rs",
        include_str!("loom_claim.rs"),
        "fn light(",
        || model(4, taken),
    );
}

#[test]
#[should_panic(expected = "Causality violation")]
fn without_the_fence_of_who_claims() {
    without_fence(
        "loom_claim.rs",
        include_str!("loom_claim.rs"),
        "fn heavy(",
        || model(4, taken),
    );
}

/// It gives back what it gets, unless the M has noticed.
#[test]
fn a_p_on_loan_is_given_back() {
    model(4, || {
        let (m, _, p) = boot();
        let other = thread::spawn(move || (0..2).for_each(|_| visit(m)));
        for _ in 0..2 {
            if !take(p, m) {
                continue;
            }
            use_p(p, SYSMON);
            if !loan::give_back(&mut SCHED.lock.lock(), p) {
                break;
            }
        }
        other.join().unwrap();
        check(p);
    });
}

/// What was taken goes to another M, which is in user code next: it can be taken from that, and be lent back to the
/// first, which has not noticed any of it.
#[test]
fn a_p_goes_to_another_m_and_comes_back() {
    model(2, || {
        let (first, second, p) = boot();
        let other = thread::spawn(move || visit(first));
        let taken = take(p, first);
        let served = taken.then(|| {
            use_p(p, SYSMON);
            // The grant, and what a thread of `second` does with it.
            thread::spawn(move || {
                enter::come_in(second);
                acquirep(second, p);
                use_p(p, second.id);
                enter::go_out(second);
                visit(second);
            })
        });
        if let Some(served) = served {
            if take(p, second) {
                use_p(p, SYSMON);
            }
            served.join().unwrap();
        }
        other.join().unwrap();
        check(p);
    });
}

/// The M gives its P up while it is being claimed. Whoever gets it then has it alone.
#[test]
fn a_p_is_given_up_while_it_is_claimed() {
    model(4, || {
        let (first, second, p) = boot();
        let other = thread::spawn(move || {
            visit(first);
            enter::come_in(first);
            if let Some(p) = first.p.take() {
                use_p(p, first.id);
                p.owner.clear();
                SCHED.lock.lock().idle = Some(p);
            }
            enter::go_out(first);
        });
        let taken = take(p, first);
        enter::come_in(second);
        let idle = SCHED.lock.lock().idle.take();
        assert!(!(taken && idle.is_some()), "two got it");
        if let Some(p) = taken.then_some(p).or(idle) {
            acquirep(second, p);
            use_p(p, second.id);
        }
        enter::go_out(second);
        other.join().unwrap();
        check(p);
    });
}
