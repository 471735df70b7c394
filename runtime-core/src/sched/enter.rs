//! Between user code and the runtime, on a G's stack. Go: entersyscall and exitsyscall, the other way round: here it is
//! user code that may lose its P at any moment (rule 3).
//!
//! Whatever touches `M.p` on a G's stack does so between [`enter`] and the end of what it returns. On g0 an M is in
//! the runtime all the time: [`come_in`] before the switch to it, [`go_out`] after the switch from it.

use crate::fence;
use crate::life;
use crate::m::M;
use crate::p::P;
use crate::sched::{SCHED, loan};

/// While it lives its M is in the runtime: no P is taken from it.
#[must_use]
pub(crate) struct Inside {
    m: &'static M,
    /// The M was in user code.
    outermost: bool,
}

/// From user code into the runtime, unless the M is there already. Afterwards `m.p` is the P that the M has; none if
/// it was taken. Owner.
#[inline]
pub(crate) fn enter(m: &'static M) -> Inside {
    let outermost = !m.seq.is_inside();
    if outermost {
        come_in(m);
    }
    Inside { m, outermost }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        if self.outermost {
            self.m.seq.leave();
        }
    }
}

/// From user code into the runtime, to stay there. Owner.
#[inline]
pub(crate) fn come_in(m: &'static M) {
    m.seq.enter();
    fence::light();
    if let Some(p) = m.p.get()
        && !p.owner.confirm(m.id)
    {
        lost(m, p);
    }
}

/// Back to user code. Owner.
#[inline]
pub(crate) fn go_out(m: &'static M) {
    m.seq.leave();
}

/// `p` was taken from `m` while it was in user code, or so it seems.
#[cold]
#[inline(never)]
fn lost(m: &'static M, p: &'static P) {
    if life::is_forked() {
        // Nobody gives it back, and the lock may be taken for ever.
        m.p.set(None);
        return;
    }
    let mut shared = SCHED.lock.lock();
    // It may have been given back since; that happens under the lock.
    if !p.owner.confirm(m.id) {
        m.p.set(None);
        loan::noticed(&mut shared, m, p);
    }
}
