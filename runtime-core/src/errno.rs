//! errno across a park: other Gs of the thread make system calls meanwhile.

pub(crate) fn get() -> i32 {
    // SAFETY: the thread's own errno, always there.
    unsafe { *libc::__errno_location() }
}

pub(crate) fn set(errno: i32) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno }
}
