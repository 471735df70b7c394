//! What g0 must not run: wakes of foreign wakers (rule 8). A system G runs them.

use std::alloc::System;
use std::panic::Location;
use std::task::Waker;

use allocator_api2::vec::Vec;

use crate::g::{Birth, Gp, Ran};
use crate::lock::{Lock, Rank};
use crate::sched::ready::ready;
use crate::sched::waker::run_foreign;
use crate::state::Wake;
use crate::system_g;

pub(crate) enum Item {
    Wake(Waker),
    /// A G whose last reference went on a thread that never runs one.
    Free(Gp),
}

struct Shared {
    items: Vec<Item, System>,
    g: Option<Gp>,
}

static SHARED: Lock<Shared> = Lock::new(
    Rank::Deferred,
    Shared {
        items: Vec::new_in(System),
        g: None,
    },
);

/// Makes the system G; once, at boot.
#[track_caller]
pub(crate) fn init() {
    // A handle that is never dropped: the G outlives every wait at base.
    let birth = Birth {
        system: true,
        handle: true,
        local: false,
    };
    let g = system_g::make(birth, Location::caller(), true, run);
    SHARED.lock().g = Some(g);
    // SAFETY: a fresh G.
    unsafe { crate::sched::newproc::newproc(g) };
}

/// Has `item` run soon. From anywhere, g0 included, under no lock.
pub(crate) fn push(item: Item) {
    let mut shared = SHARED.lock();
    shared.items.push(item);
    let g = shared.g;
    drop(shared);
    if let Some(g) = g
        && let Wake::Ready { pinned } = g.g().state.wake_by_ref(0)
    {
        ready(g, pinned);
    }
}

fn run() -> Ran {
    loop {
        let items = std::mem::replace(&mut SHARED.lock().items, Vec::new_in(System));
        if items.is_empty() {
            return Ran::Pending;
        }
        for item in items {
            match item {
                Item::Wake(waker) => run_foreign(move || waker.wake()),
                // SAFETY: nobody has a reference, and this is a G's stack.
                Item::Free(g) => unsafe { (g.g().vtable.dealloc)(g) },
            }
        }
    }
}
