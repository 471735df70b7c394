//! Stacks for Gs, in plenty and in need. Go: gfget, gfput; the need is ours: address space can run out.
//!
//! In plenty each P keeps the stacks that it uses. In need, while goroutines wait for a stack, every stack that comes
//! back goes to all, and so do those of Ps that nobody runs.
//!
//! No wake-up is lost, whether or not sysmon is there to look: who finds no stack queues its G and sets
//! `stack_shortage` under the sched lock, takes what idle Ps keep, and then looks at the global lists once more. A
//! stack that comes back is in these lists before that look, or its M sees `stack_shortage` after it (the lists' lock
//! orders the two), or it is in the cache of a P that runs, whose M looks, under the sched lock, before that P is idle.

use std::io;
use std::sync::atomic::Ordering;

use crate::g::Gp;
use crate::m::M;
use crate::p::P;
use crate::sched::{SCHED, Shared, enter, scavenger, startm};
use crate::stack::{self, Cache, Class, Stack};
use crate::{sys, warning};

/// A stack for whoever holds `p`, or holds none.
///
/// # Errors
/// When there is none to be had, not even from Ps that nobody runs.
#[inline]
pub(crate) fn get(p: Option<&P>, class: Class) -> io::Result<Stack> {
    let got = match p {
        Some(p) => p.stacks.get(class),
        None => stack::alloc(class),
    };
    match got {
        Ok(stack) => Ok(stack),
        Err(_) => get_in_need(class),
    }
}

#[cold]
fn get_in_need(class: Class) -> io::Result<Stack> {
    flush_idle();
    stack::alloc(class)
}

/// Takes back a stack that nothing stands on.
///
/// # Safety
/// It was the G's that has just left `m`, and no handle of it is used any more.
#[inline]
pub(crate) unsafe fn put(m: &'static M, stack: Stack) {
    match m.p.get() {
        // SAFETY: the caller's promise.
        Some(p) if !in_need() => unsafe { p.stacks.put(stack) },
        // SAFETY: as above.
        _ => unsafe { stack::free(stack) },
    }
    if stack::given() {
        scavenger::kick();
    }
    if in_need() {
        let_start(1);
    }
}

/// Whether goroutines wait for a stack.
#[inline]
pub(crate) fn in_need() -> bool {
    SCHED.stack_shortage.load(Ordering::Relaxed)
}

/// Has `g`, a goroutine that found no stack of this class for this reason, wait for one.
#[cold]
pub(crate) fn wait_for_one(g: Gp, class: Class, error: &io::Error) {
    warn(error);
    let mut shared = SCHED.lock.lock();
    shared.wants_stack.push_back(g);
    SCHED.stack_shortage.store(true, Ordering::Relaxed);
    while take_idle(&shared).is_some() {}
    drop(shared);
    if stack::any_free(class) {
        let_start(1);
    }
}

/// Says once that stacks have run out.
#[cold]
pub(crate) fn warn(error: &io::Error) {
    let warned = std::mem::replace(&mut SCHED.lock.lock().warned_no_stack, true);
    if !warned {
        warning!(
            "no further stack can be had: {}; goroutines start when a stack is free, and a task that waits inside a \
             poll blocks its thread",
            sys::brief(error)
        );
    }
}

/// Has so many of the goroutines that want a stack try again.
#[cold]
pub(crate) fn let_start(n: usize) {
    let some = queue_some(&mut SCHED.lock.lock(), n);
    if some {
        startm::wakep();
    }
}

/// Before `p` is idle: its stacks go to all, and those who want one try again, which is up to the caller.
pub(crate) fn share(shared: &mut Shared, p: &P) {
    if in_need() {
        let n = p.stacks.flush();
        queue_some(shared, n);
    }
}

/// For the scavenger: what idle Ps keep goes to all, and if every other P is idle, what its own keeps. A P keeps a few, but
/// each of them keeps a chunk from being emptied.
pub(crate) fn flush_unused() {
    flush_idle();
    if SCHED.npidle.load(Ordering::Relaxed) + 1 >= SCHED.nprocs()
        && let Some(m) = M::current()
    {
        let _inside = enter::enter(m);
        if let Some(p) = m.p.get() {
            p.stacks.flush();
        }
    }
}

/// What idle Ps keep goes to all: nobody else will give it.
fn flush_idle() {
    loop {
        let taken = take_idle(&SCHED.lock.lock());
        // Given back here, with the lock open.
        if taken.is_none() {
            break;
        }
    }
}

/// The stacks of an idle P that keeps some. They are given back when they are dropped.
fn take_idle(shared: &Shared) -> Option<Cache> {
    let mut next = shared.idle_ps;
    while let Some(p) = next {
        if !p.stacks.is_empty() {
            return Some(p.stacks.take());
        }
        next = p.link.get();
    }
    None
}

fn queue_some(shared: &mut Shared, n: usize) -> bool {
    let mut some = false;
    for _ in 0..n {
        let Some(g) = shared.wants_stack.pop_front() else {
            break;
        };
        SCHED.put_global(shared, g);
        some = true;
    }
    SCHED
        .stack_shortage
        .store(!shared.wants_stack.is_empty(), Ordering::Relaxed);
    some
}
