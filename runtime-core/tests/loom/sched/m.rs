//! An M, with the fields and the methods of src/m.rs that the protocol uses.

use std::ptr;

use super::p::P;
use crate::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use crate::note::Note;
use crate::queue::pinned::Pinned;
use loom::cell::Cell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Presence {
    Active = 0,
    Idle = 1,
    Polling = 2,
    WantsP = 3,
    Away = 4,
}

pub(crate) struct M {
    pub(crate) id: u32,
    pub(crate) is_home: AtomicBool,
    pub(crate) p: Cell<Option<&'static P>>,
    pub(crate) nextp: AtomicPtr<P>,
    pub(crate) p_since: Cell<u64>,
    pub(crate) spinning: Cell<bool>,
    presence: AtomicU32,
    pub(crate) note: Note,
    pub(crate) pinned: Pinned,
    pub(crate) prev: Cell<Option<&'static M>>,
    pub(crate) next: Cell<Option<&'static M>>,
}

loom::thread_local! {
    static CURRENT: std::cell::Cell<Option<&'static M>> = std::cell::Cell::new(None);
}

impl M {
    pub(super) fn new(id: u32) -> M {
        M {
            id,
            is_home: AtomicBool::new(true),
            p: Cell::new(None),
            nextp: AtomicPtr::new(ptr::null_mut()),
            p_since: Cell::new(0),
            spinning: Cell::new(false),
            presence: AtomicU32::new(Presence::Active as u32),
            note: Note::new(),
            pinned: Pinned::new(),
            prev: Cell::new(None),
            next: Cell::new(None),
        }
    }

    pub(crate) fn current() -> Option<&'static M> {
        CURRENT.with(std::cell::Cell::get)
    }

    pub(crate) fn bind(&'static self) {
        CURRENT.with(|current| current.set(Some(self)));
    }

    /// Nothing is.
    pub(crate) fn runs_urgent(&self) -> bool {
        false
    }

    pub(crate) fn presence(&self) -> Presence {
        match self.presence.load(Ordering::Relaxed) {
            0 => Presence::Active,
            1 => Presence::Idle,
            2 => Presence::Polling,
            3 => Presence::WantsP,
            _ => Presence::Away,
        }
    }

    pub(crate) fn set_presence(&self, presence: Presence) {
        self.presence.store(presence as u32, Ordering::Relaxed);
    }

    pub(crate) fn is(&self, other: &M) -> bool {
        ptr::eq(self, other)
    }

    pub(crate) fn has_own_work(&self) -> bool {
        // SAFETY: the owner asks.
        !unsafe { self.pinned.is_empty() }
    }

    /// A model leaves nothing to chance.
    pub(crate) fn cheaprand(&self) -> u32 {
        0
    }
}
