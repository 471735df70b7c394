//! A G that runs once and does nothing but to be counted. Which of its waits are over is `loom_state.rs`'s.

use std::ptr::NonNull;

use super::SCHED;
use super::m::M;

pub(crate) struct G {
    pub(crate) link: loom::cell::Cell<Option<Gp>>,
    pub(crate) state: State,
    home: Option<&'static M>,
    is_waited_for: bool,
}

/// Of a G that waits at base: every wake-up makes it runnable, and it gets one.
pub(crate) struct State;

impl State {
    pub(crate) fn wake_soon(&self, _level: u8) -> crate::state::Wake {
        crate::state::Wake::Ready { pinned: false }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Gp(NonNull<G>);

// SAFETY: a pointer; loom checks how the G is used.
unsafe impl Send for Gp {}
// SAFETY: as above.
unsafe impl Sync for Gp {}

impl Gp {
    /// One that any M may run. Leaked: a model makes few.
    pub(crate) fn movable() -> Gp {
        Gp::new(None, true)
    }

    /// As `movable`, but the model may end without its having run.
    pub(crate) fn bystander() -> Gp {
        Gp::new(None, false)
    }

    /// One that only this M may run.
    pub(crate) fn pinned_to(home: usize) -> Gp {
        Gp::new(Some(&SCHED.ms[home]), true)
    }

    fn new(home: Option<&'static M>, is_waited_for: bool) -> Gp {
        SCHED.world.with(|world| world.to_run += u32::from(is_waited_for));
        Gp(NonNull::from(Box::leak(Box::new(G {
            link: loom::cell::Cell::new(None),
            state: State,
            home,
            is_waited_for,
        }))))
    }

    pub(crate) fn from_ptr(g: *mut G) -> Option<Gp> {
        NonNull::new(g).map(Gp)
    }

    pub(crate) fn as_ptr(self) -> *mut G {
        self.0.as_ptr()
    }

    pub(crate) fn g<'a>(self) -> &'a G {
        // SAFETY: `new` leaked it.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn is_waited_for(self) -> bool {
        self.g().is_waited_for
    }

    pub(crate) fn home(self) -> Option<&'static M> {
        self.g().home
    }
}
