//! The beginning and the end of a model, and what an M does in between.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::g::Gp;
use super::m::{M, Presence};
use super::p::P;
use super::steal::{Stolen, steal_work};
use super::{SCHED, idle, startm, sys, time};
use crate::atomic::Ordering;
use loom::thread::{self, JoinHandle};

/// So often an M looks in vain before it lets others go on.
const PATIENCE: u32 = 2;

/// The model's books. Plain data: it orders nothing.
#[derive(Default)]
pub(crate) struct World {
    pub(super) nprocs: u32,
    pub(super) clock: u64,
    /// Ms whose threads `newm` can still make.
    pub(super) unmade: Vec<usize>,
    /// Gs that the model waits for and that have not run.
    pub(super) to_run: u32,
    ran: u64,
    threads: Vec<JoinHandle<()>>,
}

impl World {
    /// How many Gs have run.
    pub(crate) fn ran(&self) -> u64 {
        self.ran
    }
}

/// So many Ps, all of them idle, and nobody in the poller. `newm` can make the threads of the Ms `unmade`.
pub(crate) fn boot(nprocs: u32, unmade: &[usize]) {
    SCHED.world.with(|world| {
        world.nprocs = nprocs;
        world.clock = 1;
        world.unmade = unmade.to_vec();
    });
    let mut shared = SCHED.lock.lock();
    for p in (0..nprocs).rev() {
        idle::pidleput(&mut shared, SCHED.p(p));
    }
}

/// An M that holds a P for as long as the model lasts and says nothing.
pub(crate) fn busy(m: usize) -> &'static M {
    let m = granted(m);
    idle::take_grant(m);
    m
}

/// Makes the calling thread this M's, with a P.
pub(crate) fn be(m: usize) {
    busy(m).bind();
}

/// An M that is about to look for work.
pub(crate) fn start(m: usize) {
    let m = granted(m);
    spawn(m, || idle::take_grant(m));
}

/// An M that has looked everywhere, spinning, and seen nothing.
pub(crate) fn start_spinning(m: usize) {
    let m = granted(m);
    idle::become_spinning(m);
    spawn(m, || {
        idle::take_grant(m);
        idle::wait_for_work(m);
    });
}

/// An M that has not looked into other queues: enough others seemed to.
pub(crate) fn start_let_off(m: usize) {
    let m = granted(m);
    spawn(m, || {
        idle::take_grant(m);
        idle::wait_for_work(m);
    });
}

/// An M that comes back from a blocking call.
pub(crate) fn start_without_p(m: usize) {
    let m = &SCHED.ms[m];
    spawn(m, || idle::get_p(m));
}

fn granted(m: usize) -> &'static M {
    let m = &SCHED.ms[m];
    let p = idle::pidleget(&mut SCHED.lock.lock()).expect("too few Ps");
    idle::grant(m, p);
    m
}

/// Somebody blocks in the poller, for ever.
pub(crate) fn poller_is_taken() {
    SCHED.lastpoll.store(0, Ordering::Relaxed);
}

/// An M's thread, which comes by a P by `first`.
pub(super) fn spawn(m: &'static M, first: impl FnOnce() + 'static) {
    let thread = thread::spawn(move || {
        m.bind();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            first();
            loop {
                let g = find_runnable(m);
                run(m, g);
            }
        }));
        if let Err(panic) = ended
            && !panic.is::<sys::Over>()
        {
            resume_unwind(panic);
        }
    });
    SCHED.world.with(|world| world.threads.push(thread));
}

/// What src/sched/find_runnable.rs comes down to.
fn find_runnable(m: &'static M) -> Gp {
    for round in 0.. {
        if round >= PATIENCE {
            // Work is in sight that somebody else is about to get or to give: it is the others' turn.
            thread::yield_now();
        }
        let p = m.p.get().expect("an M schedules without a P");
        time::check(p);
        if SCHED.nwants_p.load(Ordering::Relaxed) != 0 && idle::quantum_is_over(m) {
            idle::give_way(m);
            continue;
        }
        if let Some(g) = local(m, p) {
            return g;
        }
        if SCHED.global_len.load(Ordering::Relaxed) != 0
            && let Some(g) = SCHED.get_global(&mut SCHED.lock.lock())
        {
            return g;
        }
        match steal_work(m, p) {
            Stolen::G(g) => return g,
            Stolen::Timers => continue,
            Stolen::Nothing => {}
        }
        idle::wait_for_work(m);
    }
    unreachable!("the loop ends with a G")
}

fn local(m: &'static M, p: &'static P) -> Option<Gp> {
    // SAFETY: this is the M's thread, and it holds the P.
    unsafe {
        m.pinned
            .pop()
            .or_else(|| p.runq.get_next().or_else(|| p.runq.get()).and_then(Gp::from_ptr))
    }
}

/// What src/sched/schedule.rs comes down to.
fn run(m: &'static M, g: Gp) {
    if m.spinning.replace(false) {
        SCHED.nmspinning.fetch_sub(1, Ordering::SeqCst);
        startm::wakep();
    }
    assert!(
        g.home().is_none_or(|home| home.is(m)),
        "a pinned G runs elsewhere"
    );
    let last = SCHED.world.with(|world| {
        world.ran += 1;
        if !g.is_waited_for() {
            return false;
        }
        world.to_run = world.to_run.checked_sub(1).expect("a G runs twice");
        world.to_run == 0
    });
    if last {
        SCHED.all_have_run.wakeup();
    }
}

/// Sleeps until every G has run. One that is never run leaves all threads asleep: loom says "deadlock".
pub(crate) fn wait() {
    SCHED.all_have_run.sleep();
}

/// What src/sched/block.rs comes down to: this thread's M blocks it and says so.
pub(crate) fn away(f: impl FnOnce()) {
    let m = M::current().expect("a thread without an M says that it blocks");
    m.set_presence(Presence::Away);
    startm::handoffp(idle::releasep(m));
    f();
    idle::get_p(m);
}

/// After `wait`: ends the Ms and looks at the books. No P was lost, and every count is right.
pub(crate) fn end() {
    sys::end();
    while let Some(thread) = SCHED.world.with(|world| world.threads.pop()) {
        thread.join().unwrap();
    }
    let shared = SCHED.lock.lock();
    let idle = std::iter::successors(shared.idle_ps, |p| p.link.get()).count() as u32;
    assert_eq!(SCHED.npidle.load(Ordering::Relaxed), idle);
    let held = SCHED.ms.iter().map(|m| {
        let is_granted = !m.nextp.load(Ordering::Relaxed).is_null();
        u32::from(m.p.get().is_some()) + u32::from(is_granted)
    });
    assert_eq!(
        idle + held.sum::<u32>(),
        SCHED.nprocs(),
        "a P was lost, or two Ms have it"
    );
    let spinning = SCHED.ms.iter().filter(|m| m.spinning.get()).count() as u32;
    assert_eq!(SCHED.nmspinning.load(Ordering::Relaxed), spinning);
}
