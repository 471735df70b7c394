//! A thread that sleeps until a waker of its own wakes it: one that gort did not make, or an M that has to block.
//!
//! Its waker is known by its vtable and lives outside of the user's allocator, so it can be woken and dropped on g0
//! (rule 8): a sleeping thread needs no M that runs a goroutine for it.

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::process::abort;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::note::Note;

/// What the thread and its wakers share.
struct Shared {
    refs: AtomicUsize,
    note: Note,
}

const LAYOUT: Layout = Layout::new::<Shared>();

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_ref);

/// The sleeping thread's own end. It holds one reference, by its waker.
pub(crate) struct Sleeper {
    shared: NonNull<Shared>,
    waker: Waker,
}

impl Sleeper {
    pub(crate) fn new() -> Sleeper {
        // SAFETY: the layout is not of size zero.
        let Some(shared) = NonNull::new(unsafe { System.alloc(LAYOUT) }.cast::<Shared>()) else {
            handle_alloc_error(LAYOUT);
        };
        // SAFETY: fresh memory of this layout.
        unsafe {
            shared.write(Shared {
                refs: AtomicUsize::new(1),
                note: Note::new(),
            })
        };
        // SAFETY: the vtable's functions are thread-safe and count references; this one is the first.
        let waker = unsafe { Waker::from_raw(RawWaker::new(shared.as_ptr().cast_const().cast(), &VTABLE)) };
        Sleeper { shared, waker }
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Sleeps until the waker is used, if it was not since `clear`.
    pub(crate) fn sleep(&self) {
        self.note().sleep();
    }

    /// As `sleep`, for at most `nanos` nanoseconds. True: the waker was used.
    pub(crate) fn sleep_for(&self, nanos: u64) -> bool {
        self.note().sleep_for(nanos)
    }

    /// What is woken from now on is new.
    pub(crate) fn clear(&self) {
        self.note().clear();
    }

    fn note(&self) -> &Note {
        // SAFETY: `waker` holds a reference.
        unsafe { &self.shared.as_ref().note }
    }
}

/// Whether the waker is a sleeper's.
pub(crate) fn is_own(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &VTABLE)
}

/// # Safety
/// `data` is of a waker of this vtable, whose reference lasts as long as the result is used.
unsafe fn shared<'a>(data: *const ()) -> &'a Shared {
    // SAFETY: by the contract.
    unsafe { &*data.cast::<Shared>() }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the caller's reference. Relaxed: the clone is handed on by means that synchronise.
    let old = unsafe { shared(data) }.refs.fetch_add(1, Ordering::Relaxed);
    if old > isize::MAX as usize {
        abort();
    }
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the caller's reference, which lasts until the wake is over and goes then.
    unsafe {
        wake_by_ref(data);
        drop_ref(data);
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the caller's reference.
    unsafe { shared(data) }.note.wakeup();
}

unsafe fn drop_ref(data: *const ()) {
    // Release: what this thread did to it is before its end. Acquire: so is what all others did; a fence for the last
    // one alone would do, but ThreadSanitizer does not see fences.
    // SAFETY: the caller's reference, which it gives up.
    if unsafe { shared(data) }.refs.fetch_sub(1, Ordering::AcqRel) != 1 {
        return;
    }
    let shared = data.cast_mut().cast::<Shared>();
    // SAFETY: that was the last reference; `new` took it from this allocator with this layout.
    unsafe {
        ptr::drop_in_place(shared);
        System.dealloc(shared.cast(), LAYOUT);
    }
}
