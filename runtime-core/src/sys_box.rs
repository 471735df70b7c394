//! Memory that lives as long as the process and never comes from the user's allocator (rule 8).

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};

/// Moves `value` there.
pub(crate) fn leak<T>(value: T) -> &'static T {
    let layout = Layout::new::<T>();
    debug_assert!(layout.size() != 0);
    // SAFETY: the size is not zero.
    let place = unsafe { System.alloc(layout) }.cast::<T>();
    if place.is_null() {
        handle_alloc_error(layout);
    }
    // SAFETY: fresh memory of T's layout, never freed.
    unsafe {
        place.write(value);
        &*place
    }
}
