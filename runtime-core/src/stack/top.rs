//! The handle of a stack and the record at its highest end. Made by `pool`, passed around by `sched`.

use super::guard::Guard;
use super::valgrind;
use super::{Class, GUARD_SIZE};
use crate::sanitize;
use std::cell::Cell;
use std::ops::Range;
use std::panic::Location;
use std::ptr::NonNull;

/// The record at the highest end of every slot: all that is kept of a stack in use, in the one page of it
/// that is touched anyway.
///
/// Whoever owns the stack owns all of it: the M that runs the G, or the list that holds the free stack.
#[repr(C, align(64))]
pub struct Top {
    /// The stack pointer of whoever is parked here. `sched`'s, written in a switch.
    pub(crate) sp: Cell<usize>,
    /// When the wait began, in cputicks: a clock would cost more than the switch. `sched`'s.
    pub(crate) waiting_since: Cell<u64>,
    /// Where the wait was called. `sched`'s.
    pub(crate) location: Cell<Option<&'static Location<'static>>>,
    /// The next stack of the list that holds this one. The list's, stale while the stack is in use.
    pub(crate) next: Cell<Option<Stack>>,
    /// The lowest usable address, right above the guard. Set when the slot is made, then fixed.
    pub(crate) lo: Cell<usize>,
    /// The chunk of its arena that the slot lies in; [`NO_CHUNK`] for a stack of its own mapping. Fixed.
    pub(super) chunk: u32,
    /// How deep waits are nested on this stack. `sched`'s.
    pub(crate) level: Cell<u8>,
    /// Why the G waits. `sched`'s.
    pub(crate) reason: Cell<u8>,
    /// The level whose poll asked to be queued again. `sched`'s.
    pub(crate) yields_at: Cell<u8>,
    /// The size of the slot. Fixed.
    pub(crate) class: Class,
    /// What a sanitizer keeps of the stack. `sched`'s.
    pub(crate) sanitize: sanitize::OfStack,
    /// How it is guarded. Fixed.
    pub(super) guard: Guard,
    /// What Valgrind calls it. Fixed.
    pub(super) valgrind: valgrind::Id,
}

/// [`Top::chunk`] of a stack that no arena holds.
pub(super) const NO_CHUNK: u32 = u32::MAX;

/// A cache line: every switch touches it.
const TOP_SIZE: usize = 64;
const _: () = assert!(size_of::<Top>() == TOP_SIZE && align_of::<Top>() == TOP_SIZE);

/// A stack: the address of its [`Top`]. A handle, whose ownership is by protocol (see the module).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Stack(NonNull<Top>);

// SAFETY: a handle is an address; what it names may be used only by the stack's owner, on whichever thread
// that is, and stacks pass between owners under a lock or with the G that holds them.
unsafe impl Send for Stack {}
// SAFETY: as above: a shared handle gives no more than a copy of it.
unsafe impl Sync for Stack {}

impl Stack {
    /// Makes the slot at `base` a stack, by writing its `Top`.
    ///
    /// # Safety
    /// `base` starts a writable slot of this class, aligned to its size, which nothing else uses.
    pub(super) unsafe fn init(base: NonNull<u8>, class: Class, chunk: u32, guard: Guard) -> Stack {
        let top = Top {
            sp: Cell::new(0),
            waiting_since: Cell::new(0),
            location: Cell::new(None),
            next: Cell::new(None),
            lo: Cell::new(base.addr().get() + GUARD_SIZE),
            chunk,
            level: Cell::new(0),
            reason: Cell::new(0),
            yields_at: Cell::new(0),
            class,
            sanitize: sanitize::OfStack::new(),
            guard,
            valgrind: valgrind::register(base.addr().get()..base.addr().get() + class.size()),
        };
        // SAFETY: by the contract.
        let stack = unsafe { Stack::at(base, class) };
        // SAFETY: by the contract; the slot's end is aligned as `Top` is.
        unsafe { stack.0.write(top) };
        stack
    }

    /// The handle of the stack in the slot at `base`.
    ///
    /// # Safety
    /// `base` starts a slot of this class.
    pub(super) unsafe fn at(base: NonNull<u8>, class: Class) -> Stack {
        // SAFETY: stays in the slot, by the contract.
        Stack(unsafe { base.add(class.size() - TOP_SIZE) }.cast())
    }

    /// The record at the stack's highest end.
    ///
    /// # Safety
    /// The caller owns the stack by protocol, and uses the record only as long.
    #[inline]
    pub unsafe fn top<'a>(self) -> &'a Top {
        // SAFETY: every handle names an initialised Top, mapped while the stack has an owner.
        unsafe { self.0.as_ref() }
    }

    /// The stack pointer of a stack without frames: a multiple of 16 (of 64 even), right below the `Top`.
    #[inline]
    pub fn initial_sp(self) -> usize {
        self.hi()
    }

    /// The lowest address that frames may use, right above the guard.
    #[inline]
    pub fn lo(self) -> usize {
        self.end() - self.class().size() + GUARD_SIZE
    }

    /// One past the highest address that frames may use.
    #[inline]
    pub fn hi(self) -> usize {
        // Exposed: frames are reached through the address alone.
        self.0.as_ptr().expose_provenance()
    }

    /// The size of the stack.
    #[inline]
    pub fn class(self) -> Class {
        // SAFETY: the field never changes while the stack has an owner, so any holder of a handle to such a
        // stack may read it. Only this field is borrowed.
        unsafe { (*self.0.as_ptr()).class }
    }

    /// The addresses that fault.
    #[inline]
    pub fn guard(self) -> Range<usize> {
        let lo = self.lo();
        lo - GUARD_SIZE..lo
    }

    /// The slot that the stack is in.
    pub(super) fn base(self) -> NonNull<u8> {
        // SAFETY: the slot reaches from here so far down.
        unsafe { self.0.cast::<u8>().sub(self.class().size() - TOP_SIZE) }
    }

    fn end(self) -> usize {
        self.hi() + TOP_SIZE
    }
}
