//! A fault that is no goroutine's overflow goes where it would have gone without gort: to the handler that was there
//! before, or to the kernel. A handler that comes later and passes on what it does not know takes nothing away.

mod support;

use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::os::unix::thread::JoinHandleExt;
use std::process::ExitCode;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use support::programs::{self, Named, named, program};
use support::recurse;

const PROGRAMS: &[Named<ExitCode>] = named![
    a_foreign_thread,
    fault_on_a_goroutine,
    fault_on_a_foreign_thread,
    fault_without_a_handler,
    repaired,
    repaired_in_main,
    overflow_under_a_later_handler,
    fault_under_a_later_handler,
    fault_between_two_handlers,
    restarts,
    restarts_what_is_ignored,
];

const TESTS: &[Named<()>] = named![
    other_faults_go_where_they_went,
    a_handler_may_repair_what_faulted,
    a_later_handler_that_passes_on_changes_nothing,
    system_calls_go_on,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

/// The exit status of this file's own handler.
const HANDLED: i32 = 42;
/// An address that is nobody's.
const NOWHERE: usize = 8;

type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

/// Sets a handler of SIGSEGV. Returns the action there was.
fn set_handler(handler: Handler) -> libc::sigaction {
    // SAFETY: all zeros is a sigaction; a handler of this file.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        let mut old = action;
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, &mut old), 0);
        old
    }
}

/// # Safety
/// `info` is the kernel's, of a SIGSEGV.
unsafe fn address(info: *mut libc::siginfo_t) -> usize {
    // SAFETY: by the contract.
    unsafe { (*info).si_addr() }.addr()
}

fn write_to(address: usize) {
    // SAFETY: none: it faults, which is the point.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(1) };
}

extern "C" fn exits(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel's siginfo; `_exit` ends the process.
    unsafe {
        if signal == libc::SIGSEGV && address(info) == NOWHERE {
            libc::_exit(HANDLED);
        }
    }
}

fn a_foreign_thread() -> ExitCode {
    gort::go(|| {}).wait().unwrap();
    std::thread::spawn(|| recurse(usize::MAX)).join().unwrap();
    ExitCode::FAILURE
}

fn fault_on_a_goroutine() -> ExitCode {
    set_handler(exits);
    fault_without_a_handler()
}

fn fault_on_a_foreign_thread() -> ExitCode {
    set_handler(exits);
    gort::go(|| {}).wait().unwrap();
    write_to(NOWHERE);
    ExitCode::FAILURE
}

fn fault_without_a_handler() -> ExitCode {
    gort::go(|| write_to(NOWHERE)).wait().unwrap();
    ExitCode::FAILURE
}

fn other_faults_go_where_they_went() {
    program("fault_on_a_goroutine", &[]).assert_quiet(HANDLED);
    program("fault_on_a_foreign_thread", &[]).assert_quiet(HANDLED);
    // std's handler is there before ours: it reports what is its own, and leaves the rest to the kernel.
    let left = program("a_foreign_thread", &[]);
    assert_eq!(left.status.signal(), Some(libc::SIGABRT), "{left:?}");
    assert!(
        left.err.contains("has overflowed its stack") && !left.err.contains("goroutine"),
        "{left:?}"
    );
    assert_killed("fault_without_a_handler");
}

#[track_caller]
fn assert_killed(name: &str) {
    let left = program(name, &[]);
    assert_eq!(
        (left.status.signal(), &*left.err),
        (Some(libc::SIGSEGV), ""),
        "{left:?}"
    );
}

/// Pages without access, each of which the handler gives access to when it is needed: a lazily filled mapping, or the
/// write barrier of a garbage collector.
struct Lazy {
    base: usize,
    repairs: AtomicUsize,
}

static LAZY: OnceLock<Lazy> = OnceLock::new();
const PAGES: usize = 4;

fn page() -> usize {
    // SAFETY: asks for a number.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

impl Lazy {
    fn map() -> &'static Lazy {
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(ptr::null_mut(), PAGES * page(), libc::PROT_NONE, flags, -1, 0)
        };
        assert_ne!(base, libc::MAP_FAILED);
        LAZY.get_or_init(|| Lazy {
            base: base.expose_provenance(),
            repairs: AtomicUsize::new(0),
        })
    }

    fn fill(&self) {
        (0..PAGES).for_each(|n| write_to(self.base + n * page()));
    }
}

extern "C" fn repairs(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let lazy = LAZY.get().unwrap();
    // SAFETY: the kernel's siginfo.
    let at = unsafe { address(info) } & !(page() - 1);
    assert!((lazy.base..lazy.base + PAGES * page()).contains(&at));
    // SAFETY: a page of the mapping.
    unsafe { libc::mprotect(at as *mut _, page(), libc::PROT_READ | libc::PROT_WRITE) };
    lazy.repairs.fetch_add(1, SeqCst);
}

fn repaired() -> ExitCode {
    let lazy = Lazy::map();
    set_handler(repairs);
    gort::go(|| lazy.fill()).wait().unwrap();
    assert_eq!(lazy.repairs.load(SeqCst), PAGES);
    ExitCode::SUCCESS
}

#[gort::main]
async fn main_that_repairs() {
    Lazy::map().fill();
}

fn repaired_in_main() -> ExitCode {
    let lazy = Lazy::map();
    set_handler(repairs);
    let code = main_that_repairs();
    assert_eq!(lazy.repairs.load(SeqCst), PAGES);
    code
}

fn a_handler_may_repair_what_faulted() {
    program("repaired", &[]).assert_quiet(0);
    program("repaired_in_main", &[]).assert_quiet(0);
}

/// What was there when [`passes_on`] was set: gort's.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// A handler such as crash reporters have.
extern "C" fn passes_on(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let before = BEFORE.get().unwrap();
    assert_ne!(before.sa_flags & libc::SA_SIGINFO, 0);
    // SAFETY: the address of a handler with SA_SIGINFO.
    let handler = unsafe { std::mem::transmute::<usize, Handler>(before.sa_sigaction) };
    handler(signal, info, context);
}

/// After gort's.
fn set_later_handler() {
    gort::go(|| {}).wait().unwrap();
    assert!(BEFORE.set(set_handler(passes_on)).is_ok());
}

fn overflow_under_a_later_handler() -> ExitCode {
    set_later_handler();
    gort::go(|| recurse(usize::MAX)).wait().unwrap();
    ExitCode::FAILURE
}

fn fault_under_a_later_handler() -> ExitCode {
    set_later_handler();
    fault_without_a_handler()
}

fn fault_between_two_handlers() -> ExitCode {
    set_handler(exits);
    set_later_handler();
    fault_without_a_handler()
}

fn a_later_handler_that_passes_on_changes_nothing() {
    let left = program("overflow_under_a_later_handler", &[]);
    assert_eq!(left.status.signal(), Some(libc::SIGABRT), "{left:?}");
    assert!(
        left.err.starts_with("fatal error: stack overflow\n\ngoroutine "),
        "{left:?}"
    );
    assert_killed("fault_under_a_later_handler");
    program("fault_between_two_handlers", &[]).assert_quiet(HANDLED);
}

/// How often [`counts`] was called.
static CALLS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn counts(_: i32) {
    CALLS.fetch_add(1, SeqCst);
}

/// Sends SIGSEGV to a thread while it reads from a pipe, and then a byte. Whether it gets it.
fn is_restarted(after_each: impl Fn(usize)) -> bool {
    const SIGNALS: usize = 20;
    gort::go(|| {}).wait().unwrap();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        // SAFETY: asks for a number.
        sender.send(unsafe { libc::gettid() }).unwrap();
        // Once: std would try again.
        reader.read(&mut [0]).is_ok_and(|n| n == 1)
    });
    let tid = receiver.recv().unwrap();
    for n in 1..=SIGNALS {
        while !is_asleep(tid) {
            if thread.is_finished() {
                return false;
            }
            std::thread::yield_now();
        }
        // SAFETY: to a thread of ours, which is joined below.
        unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGSEGV) };
        after_each(n);
    }
    writer.write_all(&[1]).unwrap();
    thread.join().unwrap()
}

fn is_asleep(tid: libc::pid_t) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat"));
    stat.is_ok_and(|stat| stat.contains(") S "))
}

fn restarts() -> ExitCode {
    // SAFETY: all zeros is a sigaction; a handler of this file.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = counts as extern "C" fn(i32) as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut()), 0);
    }
    let called = |n| {
        while CALLS.load(SeqCst) < n {
            std::thread::yield_now();
        }
    };
    assert!(is_restarted(called));
    ExitCode::SUCCESS
}

fn restarts_what_is_ignored() -> ExitCode {
    // SAFETY: the constant is an action.
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_IGN) };
    assert!(is_restarted(|_| {}));
    ExitCode::SUCCESS
}

/// Those that a signal interrupts whose handler asks for that, and those of one that nobody minds.
fn system_calls_go_on() {
    program("restarts", &[]).assert_quiet(0);
    program("restarts_what_is_ignored", &[]).assert_quiet(0);
}
