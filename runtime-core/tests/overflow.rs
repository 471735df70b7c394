//! The stack overflow report, and every kind of handler that was there before it. Each case dies in a
//! process of its own.

#![allow(clippy::print_stdout)] // What a failed case left is shown with the failure.

use gort_runtime_core::stack::overflow::{self, Overflow};
use gort_runtime_core::stack::{self, Class, Stack};
use gort_runtime_core::sys;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::panic::Location;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

mod child;

/// What a handler of the test ends its process with.
const HANDLED: i32 = 42;
/// The one stack that is a goroutine's here.
static GOROUTINE: OnceLock<Stack> = OnceLock::new();

fn find(address: usize) -> Option<Overflow> {
    let stack = GOROUTINE.get().filter(|stack| stack.guard().contains(&address))?;
    Some(Overflow {
        id: 18,
        name: "deep",
        created: Some(Location::caller()),
        stack_size: stack.class().size(),
        remedy: "give it more",
    })
}

fn goroutine() -> Stack {
    *GOROUTINE.get_or_init(|| stack::alloc(Class::GOROUTINE).unwrap())
}

/// Sets the handlers that `install` finds. While one runs, SIGUSR1 is blocked.
fn set_handlers(handler: usize, flags: i32) {
    // SAFETY: all zeros is a sigaction.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: a valid action, a handler of this file.
    unsafe {
        libc::sigaddset(&mut action.sa_mask, libc::SIGUSR1);
        libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut());
        libc::sigaction(libc::SIGBUS, &action, ptr::null_mut());
    }
}

/// An address that is nobody's.
const NOWHERE: usize = 8;

fn fault(address: usize) {
    // SAFETY: none: it faults, which is the point.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(1) };
}

extern "C" fn with_info(signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's siginfo, passed on.
    let address = unsafe { (*info).si_addr() } as usize;
    if signal == libc::SIGSEGV && address == NOWHERE && !context.is_null() {
        // SAFETY: ends the process.
        unsafe { libc::_exit(HANDLED) };
    }
}

extern "C" fn without_info(signal: i32) {
    if signal == libc::SIGSEGV {
        // SAFETY: ends the process.
        unsafe { libc::_exit(HANDLED) };
    }
}

extern "C" fn once(_: i32) {
    sys::write_stderr(b"once\n");
}

/// A handler that runs with the mask it asked for.
extern "C" fn masked(signal: i32) {
    let mask = sys::msigsave();
    if mask.contains(libc::SIGUSR1) && mask.contains(signal) {
        // SAFETY: ends the process.
        unsafe { libc::_exit(HANDLED) };
    }
}

/// A handler that faults itself, which it asked to be told of.
extern "C" fn nested(_: i32) {
    static DEPTH: AtomicUsize = AtomicUsize::new(0);
    if DEPTH.fetch_add(1, Ordering::Relaxed) == 2 {
        // SAFETY: ends the process.
        unsafe { libc::_exit(HANDLED) };
    }
    fault(NOWHERE);
}

extern "C" fn on_bus_error(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel's siginfo; `_exit` ends the process.
    unsafe {
        if signal == libc::SIGBUS && !(*info).si_addr().is_null() {
            libc::_exit(HANDLED);
        }
    }
}

/// Reads a file's mapping past the end of the file.
fn bus_error() {
    // SAFETY: a descriptor of our own, a mapping of our own; the read faults, which is the point.
    unsafe {
        let fd = libc::memfd_create(c"empty".as_ptr(), 0);
        let (len, access) = (sys::page_size(), libc::PROT_READ);
        let map = libc::mmap(ptr::null_mut(), len, access, libc::MAP_SHARED, fd, 0);
        assert_ne!(map, libc::MAP_FAILED);
        map.cast::<u8>().read_volatile();
    }
}

#[inline(never)]
fn recurse(depth: usize) -> usize {
    let frame = [depth; 64];
    std::hint::black_box(&frame);
    if depth == 0 {
        0
    } else {
        recurse(depth - 1) + frame[depth % 64]
    }
}

extern "C" fn deep(_: *mut c_void) -> *mut c_void {
    let signals = sys::minit_signals(&sys::msigsave()).unwrap();
    recurse(usize::MAX);
    drop(signals);
    ptr::null_mut()
}

/// Runs `deep` in a thread whose stack is the goroutine's.
fn overflow_the_goroutine() {
    let stack = goroutine();
    let (lo, hi) = (stack.lo(), stack.hi() & !(sys::page_size() - 1));
    let mut attr = MaybeUninit::uninit();
    let mut thread = MaybeUninit::uninit();
    // SAFETY: the stack is this test's; the thread is joined before it goes.
    unsafe {
        libc::pthread_attr_init(attr.as_mut_ptr());
        libc::pthread_attr_setstack(attr.as_mut_ptr(), lo as *mut c_void, hi - lo);
        let code = libc::pthread_create(thread.as_mut_ptr(), attr.as_ptr(), deep, ptr::null_mut());
        assert_eq!(code, 0);
        libc::pthread_join(thread.assume_init(), ptr::null_mut());
    }
}

/// Plays a scenario in the child. Most end the process.
fn play(scenario: &str) {
    child::no_core();
    let (handler, flags) = match scenario {
        "SIG_IGN" | "SIG_IGN, sent" => (libc::SIG_IGN, 0),
        "its mask" => ((masked as extern "C" fn(i32)) as usize, 0),
        "SA_NODEFER" => ((nested as extern "C" fn(i32)) as usize, libc::SA_NODEFER),
        "not SA_NODEFER" => ((nested as extern "C" fn(i32)) as usize, 0),
        "SIGBUS" => {
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void) = on_bus_error;
            (handler as usize, libc::SA_SIGINFO)
        }
        "three arguments" => {
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void) = with_info;
            (handler as usize, libc::SA_SIGINFO)
        }
        "one argument" => ((without_info as extern "C" fn(i32)) as usize, 0),
        "called once" => ((once as extern "C" fn(i32)) as usize, libc::SA_RESETHAND),
        "std" | "goroutine" | "guard" => (usize::MAX, 0),
        _ => (libc::SIG_DFL, 0),
    };
    if handler != usize::MAX {
        set_handlers(handler, flags);
    }
    for _ in 0..2 {
        // SAFETY: `find` only reads.
        unsafe { overflow::install(find) };
    }
    match scenario {
        "goroutine" => overflow_the_goroutine(),
        "guard" => fault(goroutine().guard().start),
        "SIGBUS" | "SIGBUS, SIG_DFL" => bus_error(),
        "std" => {
            std::thread::spawn(|| recurse(usize::MAX)).join().unwrap();
        }
        "SIG_DFL, sent" | "SIG_IGN, sent" => {
            // SAFETY: a signal to this thread.
            unsafe { libc::raise(libc::SIGSEGV) };
        }
        _ => fault(NOWHERE),
    }
}

fn run(test: &str, scenario: &str) -> child::Left {
    let left = child::run(test, scenario);
    println!("{scenario}: {}\n{}", left.status, left.err);
    left
}

#[test]
fn an_overflow_says_which_goroutine_and_what_to_do() {
    const TEST: &str = "an_overflow_says_which_goroutine_and_what_to_do";
    if let Some(scenario) = child::scenario() {
        return play(&scenario);
    }
    for scenario in ["goroutine", "guard"] {
        let left = run(TEST, scenario);
        assert_eq!(left.status.signal(), Some(libc::SIGABRT), "{scenario}");
        for part in [
            "fatal error: stack overflow\n",
            "goroutine 18 [deep]",
            "256 KiB",
            "tests/overflow.rs:",
            "give it more",
        ] {
            assert!(
                left.err.contains(part),
                "{scenario}: {part} is not in: {}",
                left.err
            );
        }
    }
}

#[test]
fn any_other_fault_goes_to_the_handler_before() {
    const TEST: &str = "any_other_fault_goes_to_the_handler_before";
    if let Some(scenario) = child::scenario() {
        return play(&scenario);
    }
    let killed = |scenario: &str, signal: i32| {
        let left = run(TEST, scenario);
        assert_eq!(left.status.signal(), Some(signal), "{scenario}");
        assert!(!left.err.contains("fatal error: stack overflow"));
        left
    };
    killed("SIG_DFL", libc::SIGSEGV);
    killed("SIG_DFL, sent", libc::SIGSEGV);
    killed("SIGBUS, SIG_DFL", libc::SIGBUS);
    killed("SIG_IGN", libc::SIGSEGV);
    assert_eq!(run(TEST, "SIG_IGN, sent").status.code(), Some(0));
    assert_eq!(run(TEST, "three arguments").status.code(), Some(HANDLED));
    assert_eq!(run(TEST, "one argument").status.code(), Some(HANDLED));
    assert_eq!(run(TEST, "its mask").status.code(), Some(HANDLED));
    assert_eq!(run(TEST, "SIGBUS").status.code(), Some(HANDLED));
    assert_eq!(run(TEST, "SA_NODEFER").status.code(), Some(HANDLED));
    // The kernel kills who faults with that signal blocked.
    killed("not SA_NODEFER", libc::SIGSEGV);
    assert_eq!(
        killed("called once", libc::SIGSEGV).err.matches("once\n").count(),
        1
    );
    assert!(
        killed("std", libc::SIGABRT)
            .err
            .contains("has overflowed its stack")
    );
}
