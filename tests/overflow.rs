//! A stack that overflows is reported by whose it is, where that was made and how to give it more; every other fault
//! goes to the handler that was there before.

mod support;

use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;
use std::ptr;
use std::time::Duration;

use gort::Wait;
use gort::task::yield_now;
use gort::time::sleep;
use support::programs::{self, Left, Named, named, program};
use support::recurse;

const PROGRAMS: &[Named<ExitCode>] = named![
    a_goroutine,
    a_named_goroutine,
    a_goroutine_after_waits,
    a_large_frame,
    a_task,
    a_task_after_a_wait,
    main_goroutine,
    main_future,
    many_at_once,
    deep_but_not_too_deep,
    a_foreign_thread,
    fault_on_a_goroutine,
    fault_on_a_foreign_thread,
    fault_without_a_handler,
];

const TESTS: &[Named<()>] = named![
    goroutines_are_reported,
    tasks_are_reported,
    main_is_reported,
    one_report_even_if_many_overflow,
    what_fits_is_left_alone,
    other_faults_go_where_they_went,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

fn overflow() -> usize {
    recurse(usize::MAX)
}

/// The line of this file that the next one is on.
macro_rules! next_line {
    () => {
        line!() + 1
    };
}

const GOROUTINE: u32 = next_line!();
fn a_goroutine() -> ExitCode {
    gort::go(overflow).wait().unwrap();
    ExitCode::FAILURE
}

fn a_named_goroutine() -> ExitCode {
    let deep = gort::Builder::new().name("deep").stack_size(1 << 20).go(overflow);
    deep.unwrap().wait().unwrap();
    ExitCode::FAILURE
}

fn a_goroutine_after_waits() -> ExitCode {
    gort::go(|| {
        for _ in 0..10 {
            sleep(Duration::from_micros(10)).wait();
            yield_now().wait();
        }
        overflow()
    })
    .wait()
    .unwrap();
    ExitCode::FAILURE
}

/// One frame that is larger than stack and guard together.
fn a_large_frame() -> ExitCode {
    gort::go(|| std::hint::black_box([1u8; 1 << 20]).len())
        .wait()
        .unwrap();
    ExitCode::FAILURE
}

fn a_task() -> ExitCode {
    gort::spawn(async { overflow() }).wait().unwrap();
    ExitCode::FAILURE
}

fn a_task_after_a_wait() -> ExitCode {
    let task = gort::Builder::new().name("reader").spawn(async {
        sleep(Duration::from_micros(10)).await;
        sleep(Duration::from_micros(10)).wait();
        overflow()
    });
    task.wait().unwrap();
    ExitCode::FAILURE
}

#[gort::main]
fn main_goroutine() {
    overflow();
}

#[gort::main]
async fn main_future() {
    sleep(Duration::from_micros(10)).await;
    overflow();
}

fn many_at_once() -> ExitCode {
    let all: Vec<_> = (0..20).map(|_| gort::go(overflow)).collect();
    for one in all {
        one.wait().unwrap();
    }
    ExitCode::FAILURE
}

const MORE: &str = "give it more with gort::Builder::stack_size, or all of them with GORT_STACK";
const NOT_IN_A_TASK: &str =
    "a poll has the stack of a thread: what needs more belongs on a goroutine with gort::Builder::stack_size";
const MORE_FOR_MAIN: &str = "give the main goroutine more with `ulimit -s`";

/// The report and nothing else, then SIGABRT. `kib`: the size of the stack.
fn assert_reported(left: &Left, who: &str, kib: usize, remedy: &str) {
    assert_eq!(left.status.signal(), Some(libc::SIGABRT), "{left:?}");
    let lines: Vec<&str> = left.err.lines().collect();
    let [fatal, empty, goroutine, created, last] = lines[..] else {
        panic!("{left:?}");
    };
    assert_eq!((fatal, empty), ("fatal error: stack overflow", ""));
    assert!(goroutine.starts_with("goroutine "), "{goroutine}");
    assert!(
        goroutine.ends_with(&format!("{who}: its stack of {kib} KiB is used up")),
        "{goroutine}"
    );
    assert!(created.starts_with("\tcreated at "), "{created}");
    assert!(created.contains("tests/overflow.rs:"), "{created}");
    assert_eq!(last, format!("\t{remedy}"));
}

/// Where it was made, from the report.
fn created_at(left: &Left) -> &str {
    left.lines("\tcreated at ")[0].trim_start_matches("\tcreated at ")
}

fn goroutines_are_reported() {
    let left = program("a_goroutine", &[]);
    assert_reported(&left, "", 256, MORE);
    // Two lines below, in the function's first.
    let here = format!("tests/overflow.rs:{}:", GOROUTINE + 1);
    assert!(created_at(&left).contains(&here), "{left:?}");
    assert_reported(&program("a_named_goroutine", &[]), " [deep]", 1024, MORE);
    assert_reported(&program("a_goroutine_after_waits", &[]), "", 256, MORE);
    assert_reported(&program("a_goroutine", &[("GORT_STACK", "40000")]), "", 64, MORE);
    assert_reported(&program("a_large_frame", &[]), "", 256, MORE);
}

fn tasks_are_reported() {
    let left = program("a_task", &[]);
    assert_reported(&left, "", 2048, NOT_IN_A_TASK);
    assert_reported(
        &program("a_task_after_a_wait", &[]),
        " [reader]",
        2048,
        NOT_IN_A_TASK,
    );
}

fn main_is_reported() {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: `limit` is ours to write, and is written on success.
    let limit = unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_STACK, limit.as_mut_ptr()), 0);
        limit.assume_init().rlim_cur
    };
    // What the thread would have, and a power of two: 8 MiB almost everywhere.
    let kib = (limit.clamp(2 << 20, 1 << 30) as usize).next_power_of_two() / 1024;
    let kib = if limit == libc::RLIM_INFINITY { 8192 } else { kib };
    for name in ["main_goroutine", "main_future"] {
        assert_reported(&program(name, &[]), " [main]", kib, MORE_FOR_MAIN);
    }
}

fn one_report_even_if_many_overflow() {
    for _ in 0..5 {
        assert_reported(&program("many_at_once", &[("GOMAXPROCS", "4")]), "", 256, MORE);
    }
}

#[gort::main]
async fn deep_but_not_too_deep() {
    /// Of `recurse`'s frames, in a build without optimisation.
    const FRAME: usize = 800;
    for _ in 0..10 {
        gort::go(|| recurse((200 << 10) / FRAME)).await.unwrap();
        gort::spawn(async { recurse((1800 << 10) / FRAME) })
            .await
            .unwrap();
    }
    recurse((7 << 20) / FRAME);
}

fn what_fits_is_left_alone() {
    program("deep_but_not_too_deep", &[]).assert_quiet(0);
}

/// The exit status of this file's own handler.
const HANDLED: i32 = 42;
/// An address that is nobody's.
const NOWHERE: usize = 8;

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel's siginfo; `_exit` ends the process.
    unsafe {
        if signal == libc::SIGSEGV && (*info).si_addr() as usize == NOWHERE {
            libc::_exit(HANDLED);
        }
    }
}

/// Sets a handler before gort boots, and its own is put before it.
fn set_handler() {
    // SAFETY: all zeros is a sigaction; a handler of this file.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = handler;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut()), 0);
    }
}

fn fault() {
    // SAFETY: none: it faults, which is the point.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(NOWHERE).write_volatile(1) };
}

fn a_foreign_thread() -> ExitCode {
    gort::go(|| {}).wait().unwrap();
    std::thread::spawn(overflow).join().unwrap();
    ExitCode::FAILURE
}

fn fault_on_a_goroutine() -> ExitCode {
    set_handler();
    gort::go(fault).wait().unwrap();
    ExitCode::FAILURE
}

fn fault_on_a_foreign_thread() -> ExitCode {
    set_handler();
    gort::go(|| {}).wait().unwrap();
    fault();
    ExitCode::FAILURE
}

fn fault_without_a_handler() -> ExitCode {
    gort::go(fault).wait().unwrap();
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
    let left = program("fault_without_a_handler", &[]);
    assert_eq!(
        (left.status.signal(), &*left.err),
        (Some(libc::SIGSEGV), ""),
        "{left:?}"
    );
}
