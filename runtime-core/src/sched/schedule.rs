//! The scheduling loop of an M, on g0. Go: schedule, execute, resetspinning.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::Ordering;

use crate::arch;
use crate::g::Gp;
use crate::m::M;
use crate::sched::find_runnable::{Next, find_runnable};
use crate::sched::{SCHED, base, idle, placement, ready, scavenger};
use crate::stack::{Class, Stack};
use crate::state::Start;
use crate::warning;

/// Runs Gs for ever. Returns on m0 only, when the main goroutine has returned.
#[inline(never)]
pub(crate) fn schedule(m: &'static M) {
    loop {
        if SCHED.exiting.load(Ordering::Relaxed) {
            if m.id == 0 {
                return;
            }
            idle::sleep_for_ever(m);
        }
        let next = find_runnable(m);
        if m.spinning.get() {
            reset_spinning(m);
        }
        execute(m, next);
    }
}

/// Go: resetspinning. It found work, so there may be more: another M looks in its place.
#[cold]
fn reset_spinning(m: &'static M) {
    m.spinning.set(false);
    SCHED.nmspinning.fetch_sub(1, Ordering::SeqCst);
    idle::wakep();
}

/// Runs `next` until it parks, yields or ends (Go: execute, gogo).
#[inline(always)]
fn execute(m: &'static M, next: Next) {
    let g = next.g;
    let header = g.g();
    // A goroutine without frames gets its stack, and with it its home, here.
    if !header.vtable.task && !header.state.has_frames() && !header.state.is_reaped() {
        if !next.placed
            && !header.state.is_local()
            && let Some(other) = placement::elsewhere(m)
        {
            placement::give(other, g);
            return;
        }
        if header.frames.get().is_none() {
            match stack_for(m, g) {
                Some(stack) => header.frames.set(Some(stack)),
                None => return,
            }
        }
        g.set_home(m);
        m.add_pin();
    }
    m.curg.set(Some(g));
    match header.state.start() {
        Start::Resume => {
            m.stack.set(header.frames.get());
            let sp = m.top().sp.get();
            // SAFETY: FRAMES: the G parked on this stack, on this M (rule 2: only the home M's queue held it), and
            // `start` made it ours alone.
            unsafe { arch::switch(&m.g0.sp, sp) };
        }
        start => {
            // A task, or what is left of a dead G, borrows the M's spare stack.
            m.stack.set(header.frames.get().or(m.spare.get()));
            let sp = m.stack().initial_sp();
            let entry = if start == Start::Reap {
                base::reap_entry
            } else {
                base::run_entry
            };
            let arg = ptr::from_ref(m).cast_mut().cast::<c_void>();
            // SAFETY: the stack is the G's alone, or the spare, which nothing stands on (rule 1).
            unsafe { arch::start(&m.g0.sp, sp, entry, arg) };
        }
    }
    m.curg.set(None);
    m.stack.set(None);
    if let Some(stack) = m.dead_stack.take() {
        put_stack(m, stack);
    }
}

fn stack_for(m: &'static M, g: Gp) -> Option<Stack> {
    let class = g
        .g()
        .labels
        .as_deref()
        .and_then(|l| l.stack)
        .unwrap_or_else(default_class);
    match m.p.get().map(|p| p.stacks.get(class)) {
        Some(Ok(stack)) => Some(stack),
        _ => {
            let mut shared = SCHED.lock.lock();
            shared.wants_stack.push_back(g);
            SCHED.stack_shortage.store(true, Ordering::Relaxed);
            let warned = std::mem::replace(&mut shared.warned_no_stack, true);
            drop(shared);
            if !warned {
                warning!("no memory for a goroutine's stack: new goroutines wait until one is free");
            }
            None
        }
    }
}

/// The stack size of a goroutine that did not ask for one.
pub(crate) fn default_class() -> Class {
    crate::debug::default_stack()
}

fn put_stack(m: &'static M, stack: Stack) {
    match m.p.get() {
        Some(p) => p.stacks.put(stack),
        None => crate::stack::free(stack),
    }
    if crate::stack::given() {
        scavenger::kick();
    }
    // Read without the lock: a goroutine that joins the list later finds this stack by itself, or the next one.
    if SCHED.stack_shortage.load(Ordering::Relaxed) {
        release_one_that_wants_a_stack();
    }
}

/// Lets a goroutine try again for a stack. From g0, and from sysmon while every M may be asleep.
#[cold]
pub(crate) fn release_one_that_wants_a_stack() {
    let mut shared = SCHED.lock.lock();
    let released = shared.wants_stack.pop_front();
    SCHED
        .stack_shortage
        .store(!shared.wants_stack.is_empty(), Ordering::Relaxed);
    drop(shared);
    if let Some(g) = released {
        ready::inject(g);
    }
}
