//! A thread's signal mask and signal stack. Called by `m` in `mstart1`/`minit` (Go: proc.go minit,
//! signal_unix.go minitSignals). Handlers themselves are their owners' (stack/overflow.rs).

use crate::sys::{auxv, last_os_error, mem, page_size};
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// The signal stack of an M. Go's gsignal has 32 KiB; Rust's formatting and an unwinder want more.
const SIGNAL_STACK_SIZE: usize = 64 * 1024;
/// What handlers get beside the frame that the kernel pushes, where that frame alone is huge.
const HANDLER_ROOM: usize = 32 * 1024;
/// Signals that a thread raises by its own instructions: blocked, they would kill without a report.
const SYNCHRONOUS: [libc::c_int; 5] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
];

/// A set of signals.
#[derive(Clone, Copy)]
pub struct SigSet(libc::sigset_t);

impl SigSet {
    /// Whether `signal` is in the set.
    pub fn contains(&self, signal: i32) -> bool {
        // SAFETY: the set is initialised.
        unsafe { libc::sigismember(&self.0, signal) == 1 }
    }

    /// The set without `signal`.
    pub fn without(mut self, signal: i32) -> SigSet {
        // SAFETY: the set is initialised; a number that is no signal changes nothing.
        unsafe { libc::sigdelset(&mut self.0, signal) };
        self
    }
}

/// The calling thread's signal mask (Go: signal_unix.go msigsave).
pub fn msigsave() -> SigSet {
    let mut set = MaybeUninit::uninit();
    // SAFETY: emptied first, so that it is initialised whatever follows; no new mask is set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr());
        SigSet(set.assume_init())
    }
}

/// Has `handler` called for the first `signal` that comes; after it the default action is back. Only if that is the
/// action now: what the program, or who started it, has asked for stays. Says whether the handler is in place.
///
/// It runs on the thread's signal stack if there is one, and interrupts no system call for good.
///
/// # Safety
/// `handler` does only what a signal handler may.
pub unsafe fn handle_if_default(signal: i32, handler: extern "C" fn(libc::c_int)) -> bool {
    let mut old = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: only asks; `old` is ours to write, and is written on success.
    let old = unsafe {
        if libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr()) != 0 {
            return false;
        }
        old.assume_init()
    };
    if old.sa_sigaction != libc::SIG_DFL {
        return false;
    }
    // SAFETY: all zeros is a sigaction.
    let mut new = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    new.sa_sigaction = handler as usize;
    new.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART | libc::SA_RESETHAND;
    // SAFETY: a valid action, of a handler that keeps to what the caller promises.
    unsafe { libc::sigaction(signal, &new, std::ptr::null_mut()) == 0 }
}

/// Makes the calling thread fit for signals: a signal stack with a guard below it, and `mask` (of m0,
/// from [`msigsave`]) without the signals that the thread itself raises.
///
/// A signal stack that the thread has already is kept if it is large enough.
///
/// # Errors
/// When no signal stack can be mapped or set. The mask is set all the same.
pub fn minit_signals(mask: &SigSet) -> io::Result<SignalStack> {
    let mask = SYNCHRONOUS
        .iter()
        .fold(*mask, |mask, signal| mask.without(*signal));
    // SAFETY: the set is initialised; the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &mask.0, std::ptr::null_mut()) };
    SignalStack::new()
}

/// The calling thread's signal stack. Dropped on that thread when it ends; puts back what was there.
pub struct SignalStack {
    /// The mapping made for it, guard included, and what it replaced. None: the thread had one.
    own: Option<(NonNull<u8>, usize, libc::stack_t)>,
    /// A signal stack belongs to one thread.
    _not_send: PhantomData<*mut ()>,
}

impl SignalStack {
    fn new() -> io::Result<SignalStack> {
        const WHAT: &str = "setting a signal stack";
        let page = page_size();
        let size = SIGNAL_STACK_SIZE
            .max(auxv().minsigstksz + HANDLER_ROOM)
            .next_multiple_of(page);
        let old = current().ok_or_else(|| last_os_error(WHAT))?;
        if old.ss_flags & libc::SS_DISABLE == 0 && old.ss_size >= size {
            return Ok(SignalStack {
                own: None,
                _not_send: PhantomData,
            });
        }
        let len = page + size;
        let base = mem::reserve(len, page)?;
        // SAFETY: the lowest page of what was mapped just now.
        if let Err(error) = unsafe { mem::protect_none(base, page) } {
            // SAFETY: mapped just now, not used.
            let _ = unsafe { mem::release(base, len) };
            return Err(error);
        }
        let new = libc::stack_t {
            ss_sp: base.as_ptr().wrapping_add(page).cast(),
            ss_flags: 0,
            ss_size: size,
        };
        // SAFETY: the memory is mapped until this value is dropped, which disables it first.
        if unsafe { libc::sigaltstack(&new, std::ptr::null_mut()) } != 0 {
            let error = last_os_error(WHAT);
            // SAFETY: it was not taken.
            let _ = unsafe { mem::release(base, len) };
            return Err(error);
        }
        Ok(SignalStack {
            own: Some((base, len, old)),
            _not_send: PhantomData,
        })
    }

    /// Whether the thread had an adequate signal stack, which was kept.
    pub fn was_kept(&self) -> bool {
        self.own.is_none()
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        let Some((base, len, old)) = self.own else {
            return;
        };
        let ours = base.as_ptr().wrapping_add(page_size());
        if current().is_some_and(|now| now.ss_sp == ours.cast()) {
            // SAFETY: `old` is what sigaltstack gave. On the signal stack itself the call is refused.
            if unsafe { libc::sigaltstack(&old, std::ptr::null_mut()) } != 0 {
                return;
            }
        }
        // SAFETY: mapped in `new`, and no longer this thread's signal stack.
        let _ = unsafe { mem::release(base, len) };
    }
}

/// The calling thread's signal stack.
fn current() -> Option<libc::stack_t> {
    let mut now = libc::stack_t {
        ss_sp: std::ptr::null_mut(),
        ss_flags: 0,
        ss_size: 0,
    };
    // SAFETY: only asks; `now` is ours to write.
    (unsafe { libc::sigaltstack(std::ptr::null(), &mut now) } == 0).then_some(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_stack_has_its_size_and_guard_and_gives_way_to_the_old_one() {
        std::thread::spawn(|| {
            let before = current().unwrap();
            let first = minit_signals(&msigsave()).unwrap();
            assert!(!first.was_kept());
            let now = current().unwrap();
            let lo = now.ss_sp as usize;
            assert!(now.ss_size >= SIGNAL_STACK_SIZE);
            assert!(mem::is_guarded(lo - 1) && !mem::is_guarded(lo));
            assert!(minit_signals(&msigsave()).unwrap().was_kept());
            assert_eq!(current().unwrap().ss_sp as usize, lo);
            drop(first);
            let after = current().unwrap();
            assert_eq!((after.ss_sp, after.ss_size), (before.ss_sp, before.ss_size));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_mask_is_set_but_for_faults() {
        std::thread::spawn(|| {
            let mut wanted = msigsave();
            // SAFETY: both are signals, the set is initialised.
            unsafe {
                libc::sigaddset(&mut wanted.0, libc::SIGUSR1);
                libc::sigaddset(&mut wanted.0, libc::SIGSEGV);
            }
            let _stack = minit_signals(&wanted).unwrap();
            let mask = msigsave();
            assert!(mask.contains(libc::SIGUSR1) && !mask.contains(libc::SIGSEGV));
        })
        .join()
        .unwrap();
    }
}
