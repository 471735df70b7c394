//! Memory that lives as long as the process and never comes from the user's allocator (rule 8).

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::ptr::NonNull;

/// Moves `value` there.
pub(crate) fn leak<T>(value: T) -> &'static T {
    // SAFETY: it holds a T, is never freed, and nobody else has the pointer.
    unsafe { leak_ptr(value).as_ref() }
}

/// Moves `value` there, which may borrow what does not live as long: who uses the pointer sees to that.
pub(crate) fn leak_ptr<T>(value: T) -> NonNull<T> {
    let layout = Layout::new::<T>();
    debug_assert!(layout.size() != 0);
    // SAFETY: the size is not zero.
    let Some(place) = NonNull::new(unsafe { System.alloc(layout) }.cast::<T>()) else {
        handle_alloc_error(layout);
    };
    // SAFETY: fresh memory of T's layout, never freed.
    unsafe { place.write(value) };
    place
}
