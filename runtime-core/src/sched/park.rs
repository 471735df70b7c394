//! Waiting for a future anywhere. Go: gopark. On a G the G parks and the thread goes on; elsewhere the thread waits.
//!
//! Rule 5: each nested wait of a G is a level with its own waker. A wake for an outer level is remembered in the
//! state word and does not resume the inner wait.

use std::mem::ManuallyDrop;
use std::panic::Location;
use std::task::{Context, Poll, Waker};

use crate::arch;
use crate::fatal::refuse;
use crate::g::Gp;
use crate::m::M;
use crate::sched::sleeper::Sleeper;
use crate::sched::waker::{self, NO_LEVEL};
use crate::sched::{block, enter, slice, stacks, switch};
use crate::stack::{Class, Top};
use crate::state::{MAX_LEVEL, Park, State};
use crate::wait_reason::WaitReason;
use crate::{errno, life, throw};

/// Waits until `poll` returns Ready. The waker in its context may be used, cloned and dropped like any other.
///
/// On a goroutine, or inside a task's poll, this parks the goroutine or task with its stack; its thread runs others.
/// Other branches of the same task do not run meanwhile. On a thread that gort did not make, and while a panic
/// unwinds, the thread waits.
///
/// `poll` runs once, and once more for each wake-up since.
#[track_caller]
pub fn wait<T>(reason: WaitReason, poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    life::check_fork();
    slice::proceed();
    wait_now(reason, Location::caller(), poll)
}

/// As [`wait`], however long the slice has lasted.
pub(crate) fn wait_now<T>(
    reason: WaitReason,
    at: &'static Location<'static>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> T {
    match M::current() {
        Some(m) => match (m.curg.get(), m.nopark.get()) {
            (Some(g), 0) if !std::thread::panicking() => wait_on_g(m, g, reason, at, poll),
            _ => wait_on_thread(Some(m), poll),
        },
        None => wait_on_thread(None, poll),
    }
}

/// Keeps the level that a stack stands at and what the poll around has asked for, and passes on what it shares,
/// whichever way its wait ends.
struct Level<'a> {
    top: &'a Top,
    state: &'a State,
    outer: u8,
    /// The poll around asked to yield.
    yields_outside: u8,
    /// Why the wait around would park.
    reason_outside: u8,
    /// The G has been resumed in this wait: a notification was consumed.
    parked: bool,
}

impl<'a> Level<'a> {
    #[inline]
    fn enter(top: &'a Top, state: &'a State) -> Level<'a> {
        let outer = top.level.get();
        top.level.set(outer.saturating_add(1));
        Level {
            top,
            state,
            outer,
            yields_outside: top.yields_at.replace(NO_LEVEL),
            reason_outside: top.reason.get(),
            parked: false,
        }
    }

    /// The level of this wait's wakers.
    #[inline]
    fn shared(&self) -> u8 {
        self.top.level.get().min(MAX_LEVEL)
    }

    /// Outer waits have the same wakers.
    #[inline]
    fn is_shared(&self) -> bool {
        self.outer >= MAX_LEVEL
    }
}

impl Drop for Level<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.parked && self.is_shared() {
            // What resumed this wait may have been meant for an outer one.
            self.state.renotify(self.shared());
        }
        self.top.level.set(self.outer);
        // Also if the wait's poll unwinds: the poll around may catch that, and still wants to be queued again.
        self.top.yields_at.set(self.yields_outside);
        self.top.reason.set(self.reason_outside);
    }
}

#[inline]
fn wait_on_g<T>(
    m: &'static M,
    g: Gp,
    reason: WaitReason,
    at: &'static Location<'static>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> T {
    let top = m.top();
    let state = &g.g().state;
    let mut depth = Level::enter(top, state);
    let level = depth.shared();
    if !depth.is_shared() {
        state.begin_level(level);
    }
    // The G has frames, and so a reference to itself, for as long as this waker is in use.
    let waker = ManuallyDrop::new(waker::borrowed(g, level));
    let mut cx = Context::from_waker(&waker);
    loop {
        top.reason.set(reason as u8);
        let polled = poll(&mut cx);
        let yields = top.yields_at.replace(NO_LEVEL) == level;
        if let Poll::Ready(out) = polled {
            return out;
        }
        top.location.set(Some(at));
        if park(m, g, top, level, yields).is_err() {
            drop(depth);
            return wait_on_thread(Some(m), poll);
        }
        depth.parked = true;
    }
}

/// There is no memory for the stack that the M would need if it left this one to the G.
struct NoStack;

/// Leaves for g0 until `level` is woken. `yields`: the G only lets others go first.
#[inline(never)]
fn park(m: &'static M, g: Gp, top: &Top, level: u8, yields: bool) -> Result<(), NoStack> {
    if std::thread::panicking() {
        throw(format_args!("a G parks while it unwinds"));
    }
    let header = g.g();
    enter::come_in(m);
    if header.frames.get().is_none()
        && let Err(no_stack) = keep_stack(m, g)
    {
        enter::go_out(m);
        return Err(no_stack);
    }
    let errno = errno::get();
    let queue = if yields {
        header.state.yield_mid_stack(level);
        true
    } else {
        top.waiting_since.set(arch::cputicks());
        header.state.park(level) == Park::Notified
    };
    if queue {
        // SAFETY: the G has frames on this M, and this is its thread.
        unsafe { m.pinned.push_own(g) };
    }
    // Woken already or not, nobody but this M can resume the G, and not before we are on g0 (rule 2).
    // SAFETY: g0 waits in `execute`.
    unsafe { switch::mcall(m, top) };
    enter::go_out(m);
    errno::set(errno);
    Ok(())
}

/// A task's first park in a poll: it keeps the stack it runs on, and the M needs another for the next base.
#[cold]
fn keep_stack(m: &'static M, g: Gp) -> Result<(), NoStack> {
    let fresh = match stacks::get(m.p.get(), Class::TASK) {
        Ok(fresh) => fresh,
        Err(error) => {
            stacks::warn(&error);
            return Err(NoStack);
        }
    };
    debug_assert_eq!(
        m.stack.get(),
        m.spare.get(),
        "a G without frames of its own runs on the spare"
    );
    g.g().frames.set(m.spare.replace(Some(fresh)));
    g.set_home(m);
    m.add_pin();
    Ok(())
}

/// Blocks the thread between polls. On an M its P goes elsewhere meanwhile.
#[inline(never)]
fn wait_on_thread<T>(m: Option<&'static M>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let sleeper = Sleeper::new();
    let mut cx = Context::from_waker(sleeper.waker());
    loop {
        if let Poll::Ready(out) = poll(&mut cx) {
            return out;
        }
        match m {
            // m0 has left its loop: nothing that it waits for here would come.
            Some(m) if m.curg.get().is_none() => refuse(format_args!(
                "gort was told to wait after its main function had returned"
            )),
            Some(m) => block::away(m, || block::sleep(&sleeper)),
            None => sleeper.sleep(),
        }
        // Before the poll: what is woken from now on is new.
        sleeper.clear();
    }
}

/// Asks that the poll which runs with `waker` be queued again, behind the others, when it returns Pending: what waking
/// it would do, only cheaper. False: the waker is not the running G's; wake it.
#[inline]
pub fn request_yield(waker: &Waker) -> bool {
    let Some((g, level)) = waker::own(waker) else {
        return false;
    };
    let Some(m) = M::current() else { return false };
    if m.curg.get() != Some(g) {
        return false;
    }
    let top = m.top();
    if top.level.get().min(MAX_LEVEL) != level {
        return false;
    }
    top.yields_at.set(level);
    true
}

/// Whether the caller runs on a goroutine's or a task's stack.
#[inline]
pub fn on_g() -> bool {
    M::current().is_some_and(|m| m.curg.get().is_some())
}
