//! Rule 8: the timers never enter the user's global allocator.

use gort_runtime_core::timer::Timers;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Waker;

struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to `System` as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, SeqCst);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        CALLS.fetch_add(1, SeqCst);
        // SAFETY: the caller keeps `dealloc`'s contract, and `memory` came from `System`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_global_allocator_is_never_entered() {
    static TIMERS: Timers = Timers::new();
    // The test runner's other thread may allocate while it starts this one: one quiet round out of many is enough,
    // and a round that enters the allocator does so a thousand times.
    let quiet = (0..20).any(|_| {
        let before = CALLS.load(SeqCst);
        for when in 0..10_000 {
            let (key, _) = TIMERS.add(when, Waker::noop().clone());
            if when % 3 == 0 {
                TIMERS.update(key, Waker::noop());
                drop(TIMERS.cancel(key));
            }
        }
        TIMERS.earliest();
        TIMERS.run(10_000, &mut |waker| drop(waker));
        CALLS.load(SeqCst) == before
    });
    assert!(quiet, "{} calls", CALLS.load(SeqCst));
    assert!(TIMERS.is_empty());
}
