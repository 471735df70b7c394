//! The base of a G: the first function on its stack, below all user frames. Go: newproc1's goexit, goexit0.
//!
//! It polls or calls the body, settles how that ended, and leaves for g0. Nothing unwinds past it: a body's vtable
//! catches, and the entry functions are `extern "C"`.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::task::Context;

use crate::g::{Gp, Ran};
use crate::m::M;
use crate::queue::allgs;
use crate::queue::list::GList;
use crate::sched::ready::{self, ready};
use crate::sched::{deferred, enter, netpoll, switch, waker};
use crate::state::{Complete, Idle, Start, Wake};
use crate::throw;
use crate::wait_reason::WaitReason;

/// Where a new base begins.
pub(crate) extern "C" fn run_entry(m: *mut c_void) -> ! {
    // SAFETY: `execute` passes the M it runs on.
    let m: &'static M = unsafe { &*m.cast() };
    // SAFETY: `execute` starts this.
    unsafe { switch::arrived() };
    run(m);
    leave(m)
}

/// Where what is left of a G is dropped.
pub(crate) extern "C" fn reap_entry(m: *mut c_void) -> ! {
    // SAFETY: as in `run_entry`.
    let m: &'static M = unsafe { &*m.cast() };
    // SAFETY: `execute` starts this.
    unsafe { switch::arrived() };
    reap(m);
    leave(m)
}

/// To g0; nobody comes back to these frames.
fn leave(m: &'static M) -> ! {
    // It is there already if the G was queued.
    if !m.seq.is_inside() {
        enter::come_in(m);
    }
    // SAFETY: g0 saved itself when it started this base, and waits.
    unsafe { switch::leave(m) }
}

fn current(m: &M) -> Gp {
    m.curg.get().expect("a base without a G")
}

#[inline(never)]
fn run(m: &'static M) {
    let g = current(m);
    let header = g.g();
    let top = m.top();
    top.level.set(0);
    top.yields_at.set(waker::NO_LEVEL);
    top.reason.set(WaitReason::Future as u8);
    enter::go_out(m);
    free_dead_gs(m);
    // The G is running, so the runtime's reference covers the borrowed waker.
    let waker = ManuallyDrop::new(waker::borrowed(g, 0));
    let mut cx = Context::from_waker(&waker);
    // SAFETY: the vtable is the cell's; `start` made the body ours, and this is a stack.
    match unsafe { (header.vtable.run)(g, &mut cx) } {
        Ran::Done { output } => finish(m, g, output, true),
        Ran::Pending => {
            enter::come_in(m);
            release_frames(m, g);
            if top.yields_at.get() == 0 {
                let pinned = header.state.yield_base();
                ready::requeue(m, g, pinned);
                return;
            }
            // From here on another M may run the G: it is not ours to touch unless `idle` says so.
            match header.state.idle(top.reason.get()) {
                Idle::Waiting => {}
                Idle::Requeue {
                    pinned: false,
                    urgent: true,
                } => netpoll::distribute(GList::of(g)),
                Idle::Requeue { pinned, .. } => ready::requeue(m, g, pinned),
                Idle::Reap => {
                    // What is dropped may wait, and then needs the stack that it runs on.
                    if let Some(stack) = m.dead_stack.take() {
                        header.frames.set(Some(stack));
                        m.add_pin();
                    }
                    enter::go_out(m);
                    // SAFETY: nobody else has a reference; this is a stack, for a local G on its home M.
                    unsafe { (header.vtable.drop_body)(g) };
                    finish(m, g, false, true);
                }
            }
        }
    }
}

#[inline(never)]
fn reap(m: &'static M) {
    let g = current(m);
    let header = g.g();
    m.top().level.set(0);
    enter::go_out(m);
    free_dead_gs(m);
    let has_output = header.state.take_output();
    // SAFETY: `start` made what is left ours; this is a stack, for a local G on its home M.
    unsafe {
        if has_output {
            (header.vtable.drop_output)(g);
        } else {
            (header.vtable.drop_body)(g);
        }
    }
    finish(m, g, false, !has_output);
}

/// The body is gone (Go: goexit0). `listed`: the G still stands among all Gs.
fn finish(m: &'static M, g: Gp, mut output: bool, listed: bool) {
    let header = g.g();
    if output && !header.state.has_handle() {
        // While the G still runs: what is dropped may wait.
        // SAFETY: the output lies there, and nobody else will take it.
        unsafe { (header.vtable.drop_output)(g) };
        output = false;
    }
    release_frames(m, g);
    if listed {
        allgs::remove(g);
    }
    // From here on the G cannot park: what still runs for it may block this thread.
    m.nopark.set(m.nopark.get() + 1);
    complete(g, output);
    release_here(g);
    m.nopark.set(m.nopark.get() - 1);
}

/// The G's last step: whoever joins it is woken. The runtime's reference is left.
fn complete(g: Gp, mut output: bool) {
    let header = g.g();
    let join_waker = loop {
        match header.state.complete(output) {
            Complete::Dead { join_waker } => break join_waker,
            Complete::Unwanted => {
                // SAFETY: as above; the handle has gone since.
                unsafe { (header.vtable.drop_output)(g) };
                output = false;
            }
        }
    };
    if join_waker {
        // SAFETY: JOIN_WAKER at completion: the slot is ours, and the handle keeps off a dead G's.
        if let Some(waker) = unsafe { (*g.join_waker()).take() } {
            waker::wake(waker);
        }
    }
}

/// Runs the body of a goroutine that blocks, on a thread that is no M. Says whether it has left an output.
pub(crate) fn run_off_m(g: Gp) -> bool {
    let header = g.g();
    let Start::Base = header.state.start() else {
        throw(format_args!("a blocking job was started twice"));
    };
    // As in `run`.
    let waker = ManuallyDrop::new(waker::borrowed(g, 0));
    let mut cx = Context::from_waker(&waker);
    // SAFETY: the vtable is the cell's; `start` made the body ours, and this is a stack. It is not local.
    match unsafe { (header.vtable.run)(g, &mut cx) } {
        Ran::Done { output } => output,
        Ran::Pending => throw(format_args!("a closure is pending")),
    }
}

/// As [`finish`], there. The runtime's reference is left, and the caller's to give back.
pub(crate) fn finish_off_m(g: Gp, mut output: bool) {
    if output && !g.g().state.has_handle() {
        // SAFETY: the output lies there, and nobody else will take it.
        unsafe { (g.g().vtable.drop_output)(g) };
        output = false;
    }
    allgs::remove(g);
    complete(g, output);
}

/// A base without frames gives its stack back: g0 puts it away once nothing stands on it.
fn release_frames(m: &'static M, g: Gp) {
    if let Some(stack) = g.g().frames.take() {
        m.dead_stack.set(Some(stack));
        m.remove_pin();
    }
}

/// Gives a reference back, off g0.
fn release_here(g: Gp) {
    match g.g().state.ref_dec() {
        Wake::Nothing => {}
        Wake::Ready { pinned } => ready(g, pinned),
        // SAFETY: that was the last reference, and this is not g0.
        Wake::Free => unsafe { (g.g().vtable.dealloc)(g) },
    }
}

/// Gives a reference back. Frees the memory, or makes a G runnable that nothing else can ever run, to be dropped.
///
/// # Safety
/// The caller has a reference and uses the G no more.
pub unsafe fn release(g: Gp) {
    match g.g().state.ref_dec() {
        Wake::Nothing => {}
        Wake::Ready { pinned } => ready(g, pinned),
        Wake::Free => free(g),
    }
}

/// As [`release`], for a handle that has moved the output out.
///
/// # Safety
/// As for [`release`]; the G is dead and its output gone.
#[inline]
pub unsafe fn release_taken(g: Gp) {
    if g.g().state.drop_handle_taken() == Wake::Free {
        free(g);
    }
}

/// Frees a G whose last reference is gone: at once, or from g0 (rule 8) when the next G runs.
pub(crate) fn free(g: Gp) {
    match M::current() {
        Some(m) if m.is_sysmon() => deferred::push(deferred::Item::Free(g)),
        Some(m) if m.curg.get().is_none() => {
            g.g().link.set(m.dead_gs.get());
            m.dead_gs.set(Some(g));
        }
        // SAFETY: nobody has a reference.
        _ => unsafe { (g.g().vtable.dealloc)(g) },
    }
}

#[inline]
fn free_dead_gs(m: &M) {
    while let Some(g) = m.dead_gs.take() {
        m.dead_gs.set(g.g().link.take());
        // SAFETY: `free` put it there with its last reference gone, and this is not g0.
        unsafe { (g.g().vtable.dealloc)(g) };
    }
}

/// Whether a handle's output may be dropped where the caller stands.
///
/// # Safety
/// The caller has a reference to the G.
pub unsafe fn may_drop_here(g: Gp) -> bool {
    match M::current() {
        Some(m) if m.curg.get().is_some() => {
            !g.g().state.is_local() || g.home().is_some_and(|home| home.is(m))
        }
        _ => false,
    }
}

/// Has the output of a dead G dropped where it may be. Takes over the handle's reference.
///
/// # Safety
/// The caller has that reference, `drop_handle` said that the output is its to drop, and it did not.
pub unsafe fn reap_output(g: Gp) {
    let pinned = g.g().state.reap_output();
    ready(g, pinned);
}
