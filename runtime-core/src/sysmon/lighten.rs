//! membarrier in a program that had threads before the runtime (library mode): to register takes 10 ms, in which nobody
//! must be kept from watching. A thread of its own does it, and ends.

use std::ffi::c_void;
use std::ptr;

use crate::sched::{SCHED, newm};
use crate::{fence, sys};

/// If no thread is to be had the fences stay full ones: 8 ns more at each entry.
pub(super) fn start() {
    if fence::may_register() {
        let _ = sys::spawn_thread(c"gort-membarrier", newm::THREAD_STACK, thread, ptr::null_mut());
    }
}

extern "C" fn thread(_: *mut c_void) -> *mut c_void {
    if fence::register() {
        let _shared = SCHED.lock.lock();
        fence::lighten();
    }
    ptr::null_mut()
}
