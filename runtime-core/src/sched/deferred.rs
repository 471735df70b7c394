//! What g0 must not run: wakes of foreign wakers (rule 8). System Gs run them.

use std::alloc::System;
use std::panic::Location;
use std::task::Waker;

use allocator_api2::vec::Vec;

use crate::g::{Birth, Gp, Ran};
use crate::lock::{Lock, Rank};
use crate::m::M;
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
    /// What is to be done, oldest first: `next` from its end, then `items` from its start.
    items: Vec<Item, System>,
    next: Vec<Item, System>,
    /// Those of the Gs that wait at base.
    idle: Vec<Gp, System>,
    /// Those that are about to look for an item.
    looking: usize,
}

static SHARED: Lock<Shared> = Lock::new(
    Rank::Deferred,
    Shared {
        items: Vec::new_in(System),
        next: Vec::new_in(System),
        idle: Vec::new_in(System),
        looking: 0,
    },
);

impl Shared {
    fn pop(&mut self) -> Option<Item> {
        if self.next.is_empty() {
            std::mem::swap(&mut self.items, &mut self.next);
            self.next.reverse();
        }
        self.next.pop()
    }

    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.next.is_empty()
    }
}

/// Makes the first of the system Gs; once, at boot.
pub(crate) fn init() {
    SHARED.lock().looking += 1;
    make();
}

/// One G more. It has been counted as looking.
fn make() {
    // A handle that is never dropped: the G outlives every wait at base.
    let birth = Birth {
        system: true,
        handle: true,
        local: false,
    };
    let g = system_g::make(birth, Location::caller(), true, run);
    // SAFETY: a fresh G.
    unsafe { crate::sched::newproc::newproc(g) };
}

/// Has `item` run soon. From anywhere, g0 included, under no lock.
pub(crate) fn push(item: Item) {
    let mut shared = SHARED.lock();
    shared.items.push(item);
    // While nobody looks there is an idle one, or (`run`) somebody is about to make one.
    let helper = if shared.looking == 0 {
        shared.idle.pop()
    } else {
        None
    };
    shared.looking += usize::from(helper.is_some());
    drop(shared);
    if let Some(g) = helper {
        wake(g);
    }
}

fn wake(g: Gp) {
    if let Wake::Ready { pinned } = g.g().state.wake_by_ref(0) {
        ready(g, pinned);
    }
}

/// A waker may wait for what another one does. So before a G calls one it sees to it that a further G looks, or can be
/// woken to: there are two, and one for each waker that waits.
fn run() -> Ran {
    let me = M::current()
        .and_then(|m| m.curg.get())
        .expect("a G that is not running");
    loop {
        let mut shared = SHARED.lock();
        shared.looking -= 1;
        let Some(item) = shared.pop() else {
            shared.idle.push(me);
            return Ran::Pending;
        };
        let mut helper = None;
        let is_short = shared.looking == 0 && (!shared.is_empty() || shared.idle.is_empty());
        if is_short {
            helper = shared.idle.pop();
            shared.looking += 1;
        }
        drop(shared);
        match helper {
            Some(g) => wake(g),
            None if is_short => make(),
            None => {}
        }
        match item {
            Item::Wake(waker) => run_foreign(move || waker.wake()),
            // SAFETY: nobody has a reference, and this is a G's stack.
            Item::Free(g) => unsafe { (g.g().vtable.dealloc)(g) },
        }
        SHARED.lock().looking += 1;
    }
}
