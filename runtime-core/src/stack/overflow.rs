//! Saying which goroutine ran out of stack. Installed once by rt0; runs in a signal handler on the M's
//! signal stack, so all of it is async-signal-safe: no lock, no allocation, no unwinding. Every fault that
//! is not a goroutine's goes to the handler that was there before, std's included.

use crate::sys::{abort, write_stderr};
use std::ffi::c_void;
use std::fmt::{self, Write};
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// What is said about a goroutine whose stack overflowed.
#[derive(Clone, Copy, Debug)]
pub struct Overflow {
    /// Its number.
    pub id: u64,
    /// Its name, empty if it has none. It has to live until the process has ended, which is at once.
    pub name: &'static str,
    /// Where it was made.
    pub created: Option<&'static Location<'static>>,
    /// The size of its stack in bytes, guard included.
    pub stack_size: usize,
    /// How to give it more.
    pub remedy: &'static str,
}

/// Decides whose a fault is: gets the address, and says what is known if it lies in the guard of the
/// stack that the calling thread runs on. Called in the signal handler.
pub type Find = fn(fault_addr: usize) -> Option<Overflow>;

/// The faults handled: a guard raises SIGSEGV on Linux, SIGBUS elsewhere.
const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];
/// The longest report. What does not fit (a very long name or path) is cut.
const REPORT_SIZE: usize = 1024;

/// The [`Find`] in force; null before `install`.
static FIND: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
/// Whoever handled each of [`SIGNALS`] before. Set before our own handler is in place.
static PREVIOUS: [Previous; 2] = [const { Previous::new() }; 2];
/// Set by the thread that reports.
static REPORTING: AtomicBool = AtomicBool::new(false);

/// Handles SIGSEGV and SIGBUS from now on: a fault that `find` claims is reported as a stack overflow and
/// ends the process by SIGABRT; any other is passed on to the handler found now. Called again, it only
/// replaces `find`.
///
/// Threads without a signal stack cannot report anything: see `sys::minit_signals`.
///
/// # Safety
/// `find` does only what a signal handler may.
pub unsafe fn install(find: Find) {
    FIND.store(find as *mut (), Ordering::Release);
    for (signal, previous) in SIGNALS.into_iter().zip(&PREVIOUS) {
        let Some(old) = action(signal, None) else {
            continue;
        };
        if previous.action.set(old).is_err() {
            continue;
        }
        let mut new = old;
        new.sa_sigaction = handle as extern "C" fn(_, _, _) as usize;
        // What the old handler asked for about masks and system calls still holds while it runs under ours. What is ignored
        // interrupts none.
        new.sa_flags =
            libc::SA_SIGINFO | libc::SA_ONSTACK | old.sa_flags & (libc::SA_NODEFER | libc::SA_RESTART);
        if old.sa_sigaction == libc::SIG_IGN {
            new.sa_flags |= libc::SA_RESTART;
        }
        action(signal, Some(&new));
    }
}

extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo.
    let code = unsafe { (*info).si_code };
    // A code of the kernel's is positive; others were sent by kill and the like and carry no address.
    let sent = code <= 0;
    if !sent {
        // SAFETY: both signals carry an address when the kernel raises them.
        let address = unsafe { (*info).si_addr() } as usize;
        if let Some(overflow) = find(address) {
            report(&overflow);
        }
    }
    let index = usize::from(signal != SIGNALS[0]);
    PREVIOUS[index].pass_on(signal, info, context, sent);
}

fn find(address: usize) -> Option<Overflow> {
    let find = FIND.load(Ordering::Acquire);
    // SAFETY: null, which is None, or a Find that `install` stored.
    let find = unsafe { std::mem::transmute::<*mut (), Option<Find>>(find) };
    find.and_then(|find| find(address))
}

/// Writes the report and ends the process; the second thread in waits for that.
fn report(overflow: &Overflow) -> ! {
    if REPORTING.swap(true, Ordering::Relaxed) {
        loop {
            // SAFETY: sleeps until the first thread has ended the process.
            unsafe { libc::pause() };
        }
    }
    let mut text = Report {
        bytes: [0; REPORT_SIZE],
        len: 0,
    };
    // Nothing fails: what does not fit is left out.
    let _ = text.overflow(overflow);
    write_stderr(&text.bytes[..text.len]);
    abort()
}

/// Text on the stack.
struct Report {
    bytes: [u8; REPORT_SIZE],
    len: usize,
}

impl Report {
    fn overflow(&mut self, overflow: &Overflow) -> fmt::Result {
        /// Bytes in a KiB.
        const KIB: usize = 1024;
        write!(self, "fatal error: stack overflow\n\ngoroutine {}", overflow.id)?;
        if !overflow.name.is_empty() {
            write!(self, " [{}]", overflow.name)?;
        }
        writeln!(
            self,
            ": its stack of {} KiB is used up",
            overflow.stack_size / KIB
        )?;
        if let Some(created) = overflow.created {
            writeln!(self, "\tcreated at {created}")?;
        }
        writeln!(self, "\t{}", overflow.remedy)
    }
}

impl Write for Report {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..];
        let len = text.len().min(room.len());
        room[..len].copy_from_slice(&text.as_bytes()[..len]);
        self.len += len;
        Ok(())
    }
}

/// The handler of one signal before ours.
struct Previous {
    action: OnceLock<libc::sigaction>,
    /// Whether one that asked to be called only once (SA_RESETHAND) was called.
    spent: AtomicBool,
}

impl Previous {
    const fn new() -> Previous {
        Previous {
            action: OnceLock::new(),
            spent: AtomicBool::new(false),
        }
    }

    /// Does what would have been done without us.
    fn pass_on(&self, signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut c_void, sent: bool) {
        let (handler, flags) = self
            .action
            .get()
            .map_or((libc::SIG_DFL, 0), |old| (old.sa_sigaction, old.sa_flags));
        let once = flags & libc::SA_RESETHAND != 0;
        if once && handler > libc::SIG_IGN && self.spent.swap(true, Ordering::Relaxed) {
            return default(signal, sent);
        }
        match handler {
            libc::SIG_DFL => default(signal, sent),
            // The kernel ignores what is sent only: a fault that is ignored kills.
            libc::SIG_IGN if sent => {}
            libc::SIG_IGN => default(signal, sent),
            _ if flags & libc::SA_SIGINFO != 0 => {
                type Full = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut c_void);
                // SAFETY: sigaction gave this address as a handler with SA_SIGINFO.
                let old = unsafe { std::mem::transmute::<usize, Full>(handler) };
                old(signal, info, context);
            }
            _ => {
                type Short = extern "C" fn(libc::c_int);
                // SAFETY: sigaction gave this address as a handler without SA_SIGINFO.
                let old = unsafe { std::mem::transmute::<usize, Short>(handler) };
                old(signal);
            }
        }
    }
}

/// Puts the default action back. The fault happens again on return; what was sent is sent again.
fn default(signal: libc::c_int, sent: bool) {
    // SAFETY: all zeros is a sigaction: SIG_DFL, no flags, no mask.
    let default = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action(signal, Some(&default));
    if sent {
        // SAFETY: to this thread, delivered when the handler returns.
        unsafe { libc::raise(signal) };
    }
}

/// Sets a signal's action if one is given. Returns the one there was.
fn action(signal: libc::c_int, new: Option<&libc::sigaction>) -> Option<libc::sigaction> {
    let mut old = MaybeUninit::uninit();
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `new` is null or valid, `old` ours to write.
    let result = unsafe { libc::sigaction(signal, new, old.as_mut_ptr()) };
    // SAFETY: written on success.
    (result == 0).then(|| unsafe { old.assume_init() })
}
