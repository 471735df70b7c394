//! A stack that overflows is reported by whose it is, where that was made and how to give it more, wherever that
//! happens, however large the stack and however large the frames. `ci/overflow.sh` runs this in release, too.

mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use std::{panic, ptr, thread};

use gort::Wait;
use gort::task::yield_now;
use gort::time::sleep;
use support::programs::{self, Left, Named, named, program, program_with_stack};
use support::{OnDrop, recurse};

const PROGRAMS: &[Named<ExitCode>] = named![
    a_goroutine,
    a_named_goroutine,
    a_goroutine_after_waits,
    a_reused_stack,
    a_large_frame,
    a_leaf_without_probes,
    a_callback_of_c,
    a_drop_while_unwinding,
    a_drop_of_what_nobody_took,
    a_task,
    a_task_after_a_wait,
    main_goroutine,
    main_future,
    many_at_once,
    two_at_the_same_time,
    no_stderr,
    deep_but_not_too_deep,
];

const TESTS: &[Named<()>] = named![
    every_time_on_every_size,
    goroutines_are_reported,
    wherever_it_happens,
    tasks_are_reported,
    main_is_reported,
    one_report_even_if_many_overflow,
    it_aborts_even_if_nobody_listens,
    what_fits_is_left_alone,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

/// In the environment: overflow by few large frames.
const LARGE_FRAMES: &str = "LARGE_FRAMES";

#[inline(never)]
fn overflow() -> usize {
    if std::env::var_os(LARGE_FRAMES).is_some() {
        recurse_in_large_frames(usize::MAX)
    } else {
        recurse(usize::MAX)
    }
}

/// Each frame is larger than the guard, and than the smaller stacks with theirs.
#[inline(never)]
fn recurse_in_large_frames(depth: usize) -> usize {
    let frame = [depth as u8; 1 << 20];
    std::hint::black_box(&frame);
    if depth == 0 {
        0
    } else {
        recurse_in_large_frames(depth - 1) + usize::from(frame[depth % 32])
    }
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

/// On the stack that others have used before.
fn a_reused_stack() -> ExitCode {
    let mut stacks: Vec<usize> = (0..3).map(|_| gort::go(stack).wait().unwrap()).collect();
    stacks.dedup();
    assert_eq!(stacks.len(), 1);
    gort::go(move || {
        assert_eq!(stacks, [stack()]);
        overflow()
    })
    .wait()
    .unwrap();
    ExitCode::FAILURE
}

/// The size of a goroutine's stack by default, which is what it is aligned to.
const STACK: usize = 256 << 10;

/// Where the stack begins that the caller stands on.
#[inline(never)]
fn stack() -> usize {
    let local = 0u8;
    ptr::from_ref(std::hint::black_box(&local)).addr() & !(STACK - 1)
}

/// One frame that is larger than stack and guard together.
fn a_large_frame() -> ExitCode {
    gort::go(|| std::hint::black_box([1u8; 1 << 20]).len())
        .wait()
        .unwrap();
    ExitCode::FAILURE
}

/// A function of C has no probes: its first touch may be anywhere in its frame. `$OFFSET` is where in the guard.
fn a_leaf_without_probes() -> ExitCode {
    let offset: usize = std::env::var("OFFSET").unwrap().parse().unwrap();
    gort::go(move || {
        let at = ptr::with_exposed_provenance_mut::<u8>(stack() + offset);
        // SAFETY: none: it faults, which is the point.
        unsafe { at.write_volatile(1) };
    })
    .wait()
    .unwrap();
    ExitCode::FAILURE
}

extern "C" fn compare(_: *const libc::c_void, _: *const libc::c_void) -> libc::c_int {
    overflow() as libc::c_int
}

fn a_callback_of_c() -> ExitCode {
    gort::go(|| {
        let mut numbers = [3u8, 2, 1];
        // SAFETY: three elements of one byte each.
        unsafe { libc::qsort(numbers.as_mut_ptr().cast(), 3, 1, Some(compare)) };
    })
    .wait()
    .unwrap();
    ExitCode::FAILURE
}

fn a_drop_while_unwinding() -> ExitCode {
    gort::go(|| {
        let _deep = OnDrop(|| _ = overflow());
        panic::resume_unwind(Box::new(()));
    })
    .wait()
    .unwrap();
    ExitCode::FAILURE
}

/// The output of a goroutine that has ended, dropped for a thread that is none of gort's.
fn a_drop_of_what_nobody_took() -> ExitCode {
    let goroutine = gort::go(|| OnDrop(|| _ = overflow()));
    support::until(|| goroutine.is_finished());
    drop(goroutine);
    loop {
        thread::park();
    }
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

/// Two tasks on two threads, neither of which goes on before the other is there.
fn two_at_the_same_time() -> ExitCode {
    static THERE: AtomicUsize = AtomicUsize::new(0);
    let both = [0, 1].map(|_| {
        gort::spawn(async {
            THERE.fetch_add(1, SeqCst);
            while THERE.load(SeqCst) < 2 {
                thread::yield_now();
            }
            overflow()
        })
    });
    both.into_iter().for_each(|one| _ = one.wait().unwrap());
    ExitCode::FAILURE
}

/// std opens the standard descriptors that it finds closed, so this closes it later.
fn no_stderr() -> ExitCode {
    // SAFETY: nobody relies on it.
    unsafe { libc::close(libc::STDERR_FILENO) };
    a_goroutine()
}

const MORE: &str = "give it more with gort::Builder::stack_size, or all of them with GORT_STACK";
const NOT_IN_A_TASK: &str =
    "a poll has the stack of a thread: what needs more belongs on a goroutine with gort::Builder::stack_size";
const MORE_FOR_MAIN: &str = "give the main goroutine more with `ulimit -s`";
const NOT_LEFT_BEHIND: &str = "what nobody took is dropped on the stack of a thread: what needs more is to be \
    dropped on a goroutine with gort::Builder::stack_size";

/// The size of the stack that polls run on, in KiB.
const POLL: usize = 2048;

/// The report and nothing else, then SIGABRT. `kib`: the size of the stack.
#[track_caller]
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

/// A poll has the same stack whatever goroutines have.
fn every_time_on_every_size() {
    const TIMES: usize = 50;
    for kib in [64, 256, 2048] {
        let bytes = kib << 10;
        let size = bytes.to_string();
        let small = [("GORT_STACK", &*size)];
        let large = [small[0], (LARGE_FRAMES, "1")];
        for env in [&small[..], &large] {
            for _ in 0..TIMES {
                assert_reported(&program("a_goroutine", env), "", kib, MORE);
                assert_reported(&program("a_task", env), "", POLL, NOT_IN_A_TASK);
                let left = program_with_stack("main_goroutine", env, bytes);
                assert_reported(&left, " [main]", kib, MORE_FOR_MAIN);
                let left = program_with_stack("main_future", env, bytes);
                assert_reported(&left, " [main]", kib, MORE_FOR_MAIN);
            }
        }
    }
}

fn goroutines_are_reported() {
    let left = program("a_goroutine", &[]);
    assert_reported(&left, "", 256, MORE);
    // Two lines below, in the function's first.
    let here = format!("tests/overflow.rs:{}:", GOROUTINE + 1);
    assert!(created_at(&left).contains(&here), "{left:?}");
    assert_reported(&program("a_named_goroutine", &[]), " [deep]", 1024, MORE);
    for (asked, kib) in [("1", 32), ("40000", 64)] {
        assert_reported(&program("a_goroutine", &[("GORT_STACK", asked)]), "", kib, MORE);
    }
}

fn wherever_it_happens() {
    /// gort_runtime_core's GUARD_SIZE.
    const GUARD: usize = 16 << 10;
    for name in [
        "a_goroutine_after_waits",
        "a_large_frame",
        "a_callback_of_c",
        "a_drop_while_unwinding",
    ] {
        assert_reported(&program(name, &[]), "", 256, MORE);
    }
    assert_reported(&program("a_reused_stack", &[("GOMAXPROCS", "1")]), "", 256, MORE);
    for offset in [0, GUARD / 2, GUARD - 1] {
        let env = [("OFFSET", &*offset.to_string())];
        assert_reported(&program("a_leaf_without_probes", &env), "", 256, MORE);
    }
    let left = program("a_drop_of_what_nobody_took", &[]);
    assert_reported(&left, "", POLL, NOT_LEFT_BEHIND);
}

fn tasks_are_reported() {
    assert_reported(&program("a_task", &[]), "", POLL, NOT_IN_A_TASK);
    let left = program("a_task_after_a_wait", &[]);
    assert_reported(&left, " [reader]", POLL, NOT_IN_A_TASK);
}

/// Without a limit, what Linux gives by default.
fn main_is_reported() {
    for (limit, kib) in [
        (3 << 20, 4096),
        (8 << 20, 8192),
        (libc::RLIM_INFINITY as usize, 8192),
    ] {
        for name in ["main_goroutine", "main_future"] {
            let left = program_with_stack(name, &[], limit);
            assert_reported(&left, " [main]", kib, MORE_FOR_MAIN);
        }
    }
}

fn one_report_even_if_many_overflow() {
    for _ in 0..10 {
        assert_reported(&program("many_at_once", &[("GOMAXPROCS", "4")]), "", 256, MORE);
        let left = program("two_at_the_same_time", &[("GOMAXPROCS", "2")]);
        assert_reported(&left, "", POLL, NOT_IN_A_TASK);
    }
}

fn it_aborts_even_if_nobody_listens() {
    let left = program("no_stderr", &[]);
    assert_eq!(
        (left.status.signal(), &*left.err),
        (Some(libc::SIGABRT), ""),
        "{left:?}"
    );
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
    program_with_stack("deep_but_not_too_deep", &[], 8 << 20).assert_quiet(0);
}
