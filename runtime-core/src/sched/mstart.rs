//! Where an M begins, on g0. Go: mstart, mstart1, minit, mstartm0.

use std::fmt::Arguments;
use std::mem::ManuallyDrop;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use crate::getg;
use crate::m::M;
use crate::sched::schedule::schedule;
use crate::sched::{blocking, idle};
use crate::stack::overflow::{self, Overflow};
use crate::steps::step;
use crate::sys::{SigSet, SignalStack};
use crate::{arch, sys, throw, warning};

/// Records the bounds of the thread's own stack as g0's, and asserts that we stand on it.
#[inline(never)]
pub(crate) fn g0_stack(m: &'static M) {
    if m.id == 0 {
        step("g0");
    }
    match sys::stack_bounds() {
        Ok(bounds) => {
            m.g0.lo.set(bounds.lo);
            m.g0.hi.set(bounds.hi);
            m.g0.guard.set(bounds.guard);
        }
        Err(error) => throw(format_args!(
            "g0: the system does not tell this thread's stack: {}",
            sys::brief(&error)
        )),
    }
    let sp = arch::stack_pointer();
    if !(m.g0.lo.get()..m.g0.hi.get()).contains(&sp) {
        throw(format_args!(
            "g0: the stack pointer {sp:#x} is outside of the thread's stack"
        ));
    }
}

/// m0's, from `rt0_go`. Returns when the main goroutine has ended.
#[inline(never)]
pub(crate) fn mstart(m0: &'static M) {
    step("mstart");
    mstart1(m0);
}

#[inline(never)]
fn mstart1(m: &'static M) {
    if m.id == 0 {
        step("mstart1");
    }
    minit(m);
    if m.id == 0 {
        mstartm0();
        step("schedule");
    }
    schedule(m);
}

/// The entry of every other M: its thread, its slot, then the loop. `nextp` was granted by whoever made it.
pub(crate) fn mstart_thread(m: &'static M) -> ! {
    m.bind();
    getg::prove_slot();
    g0_stack(m);
    m.tid.store(sys::gettid(), Ordering::Relaxed);
    idle::take_grant(m);
    mstart1(m);
    idle::sleep_for_ever(m)
}

/// The mask that every M gets: the process's own, not that of whichever G made the thread.
static SIGMASK: OnceLock<SigSet> = OnceLock::new();

/// Go: msigsave.
pub(crate) fn save_sigmask() {
    let _ = SIGMASK.set(sys::msigsave());
}

/// The M's signal stack and mask.
#[inline(never)]
fn minit(m: &'static M) {
    if m.id == 0 {
        step("minit");
    }
    // It belongs to the thread, which never ends.
    let _ = ManuallyDrop::new(init_signals(format_args!("M{}", m.id)));
}

/// Gives a thread of the runtime its signal stack, for as long as the thread lives, and its mask.
pub(crate) fn init_signals(whose: Arguments<'_>) -> Option<SignalStack> {
    match sys::minit_signals(SIGMASK.get_or_init(sys::msigsave)) {
        Ok(signal_stack) => Some(signal_stack),
        Err(error) => {
            warning!(
                "no signal stack for {whose}: {}; a stack overflow there is not reported",
                sys::brief(&error)
            );
            None
        }
    }
}

/// What m0 does for the whole process: the handler that tells a stack overflow from other faults.
#[inline(never)]
fn mstartm0() {
    step("mstartm0");
    // SAFETY: it only reads what belongs to this thread.
    unsafe { overflow::install(find_overflow) };
}

/// Whether the address lies in the guard of the G that runs on this thread. In a signal handler.
fn find_overflow(address: usize) -> Option<Overflow> {
    let Some(m) = M::current() else {
        return blocking::find_overflow(address);
    };
    let g = m.curg.get()?;
    let stack = m.stack.get()?;
    let remedy = if g.g().state.is_reaped() {
        "what nobody took is dropped on the stack of a thread: what needs more is to be dropped on a goroutine with \
         gort::Builder::stack_size"
    } else if g.g().vtable.task {
        "a poll has the stack of a thread: what needs more belongs on a goroutine with gort::Builder::stack_size"
    } else if g.g().state.is_local() {
        "give the main goroutine more with `ulimit -s`"
    } else {
        "give it more with gort::Builder::stack_size, or all of them with GORT_STACK"
    };
    stack.guard().contains(&address).then(|| Overflow {
        // SAFETY: the G runs on this thread, so it is alive.
        id: unsafe { g.goid() },
        name: g.name().unwrap_or(""),
        created: Some(g.g().created_at),
        stack_size: stack.class().size(),
        remedy,
    })
}
