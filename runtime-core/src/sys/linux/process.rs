//! The process as a whole: its last words, its end, its forks. All but [`atfork_child`] may be called
//! in a signal handler and on any stack.

use crate::sys::os_error;
use std::io;

/// Writes `bytes` to descriptor 2, whatever becomes of them. errno is kept.
pub fn write_stderr(mut bytes: &[u8]) {
    // SAFETY: errno is this thread's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let saved = unsafe { *errno };
    while !bytes.is_empty() {
        // SAFETY: the bytes are borrowed for the call.
        let n = unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(n) {
            Ok(n @ 1..) => bytes = &bytes[n.min(bytes.len())..],
            // SAFETY: errno is this thread's own.
            Err(_) if unsafe { *errno } == libc::EINTR => {}
            _ => break,
        }
    }
    // SAFETY: as above.
    unsafe { *errno = saved };
}

/// Ends the process by SIGABRT.
pub fn abort() -> ! {
    // SAFETY: takes nothing and does not return.
    unsafe { libc::abort() }
}

/// Ends the process with this status: no destructor and nothing that was to be done `atexit` runs.
pub fn exit(status: i32) -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(status) }
}

/// Sleeps until the process ends.
pub fn sleep_for_ever() -> ! {
    loop {
        // SAFETY: no arguments; it returns after a signal only.
        unsafe { libc::pause() };
    }
}

unsafe extern "C" {
    fn pthread_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
    ) -> libc::c_int;
}

/// Has `f` called in every child that this process forks, before `fork` returns there.
///
/// # Errors
/// `ENOMEM`.
///
/// # Safety
/// `f` does only what a signal handler may: other threads' locks may be taken for ever in the child.
pub unsafe fn atfork_child(f: extern "C" fn()) -> io::Result<()> {
    // SAFETY: POSIX's signature; `f` lives for ever and keeps to what the caller promises.
    match unsafe { pthread_atfork(None, None, Some(f)) } {
        0 => Ok(()),
        code => Err(os_error(code, "registering for fork")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    static IN_CHILD: AtomicBool = AtomicBool::new(false);

    extern "C" fn note_it() {
        IN_CHILD.store(true, Ordering::Relaxed);
    }

    #[test]
    fn a_forked_child_runs_the_function_and_the_parent_does_not() {
        // SAFETY: it stores an atomic.
        unsafe { atfork_child(note_it) }.unwrap();
        // SAFETY: the child only loads an atomic and exits.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let code = i32::from(!IN_CHILD.load(Ordering::Relaxed));
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(code) };
        }
        assert!(pid > 0);
        let mut status = -1;
        // SAFETY: waits for the child just made.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
        assert_eq!(status, 0);
        assert!(!IN_CHILD.load(Ordering::Relaxed));
    }
}
