//! Making a G known and runnable. Go: newproc, newproc1.

use std::io;
use std::sync::atomic::Ordering;

use crate::g::Gp;
use crate::m::M;
use crate::p::P;
use crate::queue::allgs;
use crate::queue::allgs::GOID_BATCH;
use crate::sched::ready::submit;
use crate::sched::stacks;
use crate::sched::{SCHED, enter};
use crate::stack::Class;

/// Makes `g` known and runnable.
///
/// # Safety
/// `g` is fresh: nobody else has seen it. Its runtime reference is given up.
///
/// # Panics
/// If the G is local and the caller is not on a goroutine's or a task's stack.
#[inline(never)]
#[track_caller]
pub(crate) unsafe fn newproc(g: Gp) {
    let local = g.g().state.is_local();
    if local {
        // g0 makes a local G once, at boot: the main goroutine.
        let Some(home) = M::current().filter(|m| !m.is_sysmon()) else {
            panic!("a local task needs a home: spawn_local was called on a thread that runs no goroutines");
        };
        g.set_home(home);
    }
    register(g);
    submit(g, local);
}

/// Gives a fresh G its number, and lists it among all.
pub(crate) fn register(g: Gp) {
    let m = M::current();
    let _inside = m.map(enter::enter);
    g.g().goid.set(match m.and_then(|m| m.p.get()) {
        Some(p) => next_goid(p),
        None => SCHED.goidgen.fetch_add(1, Ordering::Relaxed) + 1,
    });
    allgs::add(g);
}

/// From the P's batch of 16 (Go: goidcache).
fn next_goid(p: &P) -> u64 {
    if p.goid_left.get() == 0 {
        p.goid
            .set(SCHED.goidgen.fetch_add(GOID_BATCH, Ordering::Relaxed) + 1);
        p.goid_left.set(GOID_BATCH);
    }
    let goid = p.goid.get();
    p.goid.set(goid + 1);
    p.goid_left.set(p.goid_left.get() - 1);
    goid
}

/// Reserves the stack that `g` will start on, so that it cannot fail for want of one later.
///
/// # Safety
/// `g` is fresh: nobody else has seen it.
///
/// # Errors
/// When there is no memory or address space for the stack.
pub(crate) unsafe fn reserve_stack(g: Gp, class: Class) -> io::Result<()> {
    let m = M::current();
    let _inside = m.map(enter::enter);
    let p = m.and_then(|m| m.p.get());
    g.g().frames.set(Some(stacks::get(p, class)?));
    Ok(())
}
