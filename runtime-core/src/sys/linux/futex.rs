//! Sleeping on a word (futex(2), private). Used by `note` and `lock`.
//! Must never allocate or look at the word itself: the kernel compares it.

use super::clock::timespec;
use std::ptr;
use std::sync::atomic::AtomicU32;

/// Sleeps while `word` holds `expected`, at most `timeout_nanos` (for ever if `None`).
///
/// Returns false exactly if the time ran out. True says only that there is a reason to look again:
/// woken, the word differed, a signal came.
pub fn futex_wait(word: &AtomicU32, expected: u32, timeout_nanos: Option<u64>) -> bool {
    let limit = timeout_nanos.map(timespec);
    let limit_ptr = limit
        .as_ref()
        .map_or(ptr::null(), |limit| limit as *const libc::timespec);
    // SAFETY: the word is alive and aligned for the whole call (it is borrowed), the timespec too.
    // A relative timeout of FUTEX_WAIT is measured on CLOCK_MONOTONIC.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            limit_ptr,
        )
    };
    // SAFETY: errno is this thread's own.
    result == 0 || unsafe { *libc::__errno_location() } != libc::ETIMEDOUT
}

/// Wakes at most `n` threads that sleep on `word`.
pub fn futex_wake(word: &AtomicU32, n: u32) {
    // The kernel reads the count as a signed int.
    let n = i32::try_from(n).unwrap_or(i32::MAX);
    // SAFETY: the word is borrowed for the call; waking touches no memory of ours.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            n,
        )
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_differing_word_does_not_sleep_and_a_timeout_says_so() {
        let word = AtomicU32::new(1);
        assert!(futex_wait(&word, 0, None));
        assert!(!futex_wait(&word, 1, Some(1_000_000)));
        assert!(!futex_wait(&word, 1, Some(0)));
    }

    #[test]
    fn a_wake_ends_a_wait() {
        let word = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while word.load(Ordering::Acquire) == 0 {
                    assert!(futex_wait(&word, 0, None));
                }
            });
            super::super::usleep(1_000);
            word.store(1, Ordering::Release);
            futex_wake(&word, u32::MAX);
        });
    }
}
