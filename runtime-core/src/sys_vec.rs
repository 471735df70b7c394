//! Pushing onto a vector that user code's stack stands under.
//!
//! allocator-api2 inlines everything, also where nothing is optimised: there its `push` makes a frame of 3 KB, and
//! each goroutine that sleeps would touch a second page of its stack. So growing, which is rare, has a frame of its
//! own.

use std::alloc::System;

use allocator_api2::vec::Vec;

/// `vec.push(value)`.
#[inline]
pub(crate) fn push<T>(vec: &mut Vec<T, System>, value: T) {
    if vec.len() == vec.capacity() {
        grow(vec);
    }
    // SAFETY: there is room for one more, which is initialised before it counts.
    unsafe {
        vec.as_mut_ptr().add(vec.len()).write(value);
        vec.set_len(vec.len() + 1);
    }
}

#[cold]
#[inline(never)]
fn grow<T>(vec: &mut Vec<T, System>) {
    vec.reserve(1);
}
