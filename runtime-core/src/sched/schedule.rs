//! The scheduling loop of an M, on g0. Go: schedule, execute, resetspinning.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::Ordering;

use crate::life;
use crate::m::M;
use crate::sched::find_runnable::{Next, find_runnable};
use crate::sched::{SCHED, base, idle, placement, stacks, startm, switch};
use crate::state::Start;

/// Runs Gs for ever. Returns on m0 only, when the main goroutine has returned.
#[inline(never)]
pub(crate) fn schedule(m: &'static M) {
    loop {
        if life::is_over() {
            // A child that returns from the goroutine which forked would run the parent's others.
            life::check_fork();
            idle::lay_p_aside(m);
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
    startm::wakep();
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
            let class = g.stack_class();
            match stacks::get(m.p.get(), class) {
                Ok(stack) => header.frames.set(Some(stack)),
                Err(error) => return stacks::wait_for_one(g, class, &error),
            }
        }
        g.set_home(m);
        m.add_pin();
    }
    m.curg.set(Some(g));
    m.runs
        .store(m.runs.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    match header.state.start() {
        Start::Resume => {
            m.stack.set(header.frames.get());
            // SAFETY: FRAMES: the G parked on this stack, on this M (rule 2: only the home M's queue held it), and
            // `start` made it ours alone.
            unsafe { switch::gogo(m, m.stack()) };
        }
        start => {
            // A task, or what is left of a dead G, borrows the M's spare stack.
            m.stack.set(header.frames.get().or(m.spare.get()));
            let entry = if start == Start::Reap {
                base::reap_entry
            } else {
                base::run_entry
            };
            let arg = ptr::from_ref(m).cast_mut().cast::<c_void>();
            // SAFETY: the stack is the G's alone, or the spare, which nothing stands on (rule 1).
            unsafe { switch::start(m, m.stack(), entry, arg) };
        }
    }
    m.curg.set(None);
    m.stack.set(None);
    if let Some(stack) = m.dead_stack.take() {
        // SAFETY: a base put it there, and has left it for g0.
        unsafe { stacks::put(m, stack) };
    }
}
