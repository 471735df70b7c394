//! The boot, in both modes: its steps in their order, its checks, who may ask for it and when.

#![expect(clippy::print_stdout, reason = "a test's output")]

mod support;

use std::process::ExitCode;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use gort::Wait;
use gort::time::sleep;
use support::limits::no_files;
use support::programs::{self, Left, Named, named, program};

const PROGRAMS: &[Named<ExitCode>] = named![
    main_mode,
    library_mode,
    main_without_files,
    main_in_main,
    main_after_main,
    main_after_library,
    main_on_another_thread,
    many_threads,
    library_first,
    library_after_main,
];

const TESTS: &[Named<()>] = named![
    steps_in_order,
    nothing_is_printed_unless_asked,
    no_procfs_is_needed,
    every_check_aborts,
    one_main_on_the_first_thread,
    many_threads_boot_at_once,
    any_call_boots,
    nobody_waits_after_main,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

/// The boot, in the order of runtime-core/src/rt0/README.md.
const STEPS: [&str; 27] = [
    "rt0_go",
    "g0",
    "cpuinfo",
    "settls",
    "m0",
    "check",
    "args",
    "osinit",
    "schedinit",
    "mallocinit",
    "fastrandinit",
    "mcommoninit",
    "msigsave",
    "parsedebugvars",
    "fenceinit",
    "lastpoll",
    "procresize",
    "deferwakeinit",
    "newproc",
    "mstart",
    "mstart1",
    "minit",
    "mstartm0",
    "schedule",
    "main",
    "sysmon",
    "scavenger",
];

/// Each check that can be made to fail, the step that it belongs to, and what is said then.
const FAULTS: [(&str, &str, &str); 7] = [
    ("settls_base", "settls", "settls: the thread pointer is 0x"),
    (
        "settls",
        "settls",
        "settls: stored 0x123 through the G slot, read back 0x124",
    ),
    ("check_layout", "check", "check: a G is aligned to "),
    (
        "check_cas",
        "check",
        "check: 64-bit compare-and-swap does not work",
    ),
    ("check_align", "check", "check: a stack begins at 0x"),
    (
        "check_switch",
        "check",
        "check: a stack switch does not keep the callee-saved registers",
    ),
    ("check_guard", "check", "check: the guard at 0x"),
];

#[gort::main]
async fn main_mode() {}

fn library_mode() -> ExitCode {
    gort::spawn(async {}).wait().unwrap();
    ExitCode::SUCCESS
}

/// The steps printed, whose times only grow.
fn steps(left: &Left) -> Vec<&str> {
    let lines: Vec<(&str, u64)> = left
        .lines("boot: ")
        .iter()
        .map(|line| {
            let [_, step, micros] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            (step, micros.parse().unwrap())
        })
        .collect();
    assert_eq!(lines[0].1, 0, "{left:?}");
    assert!(lines.is_sorted_by_key(|(_, micros)| micros), "{left:?}");
    assert!(lines.last().unwrap().1 < 10_000_000, "{left:?}");
    lines.into_iter().map(|(step, _)| step).collect()
}

fn steps_in_order() {
    let left = program("main_mode", &[("GORTDEBUG", "boot=1")]);
    left.assert_success();
    let mut expected = STEPS.to_vec();
    expected.extend(["initsig", "main.main"]);
    assert_eq!(steps(&left), expected);
    assert_eq!(left.err.lines().count(), expected.len(), "{left:?}");

    let left = program("library_mode", &[("GORTDEBUG", "boot=1")]);
    left.assert_success();
    assert_eq!(steps(&left), STEPS);
    assert_eq!(left.err.lines().count(), STEPS.len(), "{left:?}");
}

fn nothing_is_printed_unless_asked() {
    for mode in ["main_mode", "library_mode"] {
        for word in ["", "boot=0"] {
            program(mode, &[("GORTDEBUG", word)]).assert_quiet(0);
        }
    }
}

fn main_without_files() -> ExitCode {
    if !no_files() {
        println!("SKIPPED: no seccomp here");
        return ExitCode::SUCCESS;
    }
    main_mode()
}

fn no_procfs_is_needed() {
    let left = program("main_without_files", &[]);
    left.assert_quiet(0);
    print!("{}", left.out);
}

fn every_check_aborts() {
    for mode in ["main_mode", "library_mode"] {
        for (fault, step, said) in FAULTS {
            let left = program(mode, &[("GORTDEBUG", &format!("fault={fault}"))]);
            let line = left.the_fatal_line();
            assert!(
                line.strip_prefix("fatal error: ").unwrap().starts_with(said),
                "{line}"
            );
            assert_eq!(left.err.lines().count(), 1, "{left:?}");

            // With the steps so far.
            let left = program(mode, &[("GORTDEBUG", &format!("boot=1,fault={fault}"))]);
            left.the_fatal_line();
            let so_far = STEPS.iter().position(|s| *s == step).unwrap() + 1;
            assert_eq!(steps(&left), STEPS[..so_far]);
            assert_eq!(left.err.lines().count(), so_far + 1, "{left:?}");
        }
    }
}

#[gort::main]
async fn main_in_main() {
    main_mode();
}

fn main_after_main() -> ExitCode {
    main_mode();
    main_mode()
}

fn main_after_library() -> ExitCode {
    library_mode();
    main_mode()
}

fn main_on_another_thread() -> ExitCode {
    thread::spawn(main_mode).join().unwrap()
}

fn one_main_on_the_first_thread() {
    for name in ["main_in_main", "main_after_main", "main_after_library"] {
        let left = program(name, &[]);
        assert!(
            left.the_fatal_line()
                .contains("gort::main: the runtime is up already")
        );
        assert_eq!(left.err.lines().count(), 1, "{left:?}");
    }
    let left = program("main_on_another_thread", &[]);
    assert!(
        left.the_fatal_line()
            .contains("gort::main: not called on the process's first thread")
    );
    assert_eq!(left.err.lines().count(), 1, "{left:?}");
}

/// Each of the ways in boots, on 16 threads at the same moment.
fn many_threads() -> ExitCode {
    const THREADS: usize = 16;
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for i in 0..THREADS {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                match i % 4 {
                    0 => assert_eq!(gort::go(move || i).wait().unwrap(), i),
                    1 => assert_eq!(gort::spawn(async move { i }).wait().unwrap(), i),
                    2 => sleep(Duration::from_millis(1)).wait(),
                    _ => assert_eq!(gort::Builder::new().go(move || i).unwrap().wait().unwrap(), i),
                }
            });
        }
    });
    ExitCode::SUCCESS
}

fn many_threads_boot_at_once() {
    for _ in 0..10 {
        program("many_threads", &[]).assert_quiet(0);
    }
    // One boot, whoever came first.
    let left = program("many_threads", &[("GORTDEBUG", "boot=1")]);
    left.assert_success();
    assert_eq!(steps(&left), STEPS);
}

fn library_first() -> ExitCode {
    match &*std::env::var("FIRST").unwrap() {
        "go" => drop(gort::go(|| {})),
        "spawn" => drop(gort::spawn(async {})),
        "sleep" => gort::block_on(sleep(Duration::from_millis(1))),
        "builder" => gort::Builder::new().go(|| {}).unwrap().wait().unwrap(),
        "bind" => drop(gort::net::TcpListener::bind("127.0.0.1:0").wait().unwrap()),
        first => panic!("{first}"),
    }
    assert!(gort::runtime::max_procs() > 0);
    ExitCode::SUCCESS
}

fn any_call_boots() {
    for first in ["go", "spawn", "sleep", "builder", "bind"] {
        program("library_first", &[("FIRST", first)]).assert_quiet(0);
    }
}

/// What is over by the time is no wait.
fn library_after_main() -> ExitCode {
    main_mode();
    assert_eq!(gort::block_on(async { 7 }), 7);
    sleep(Duration::from_millis(1)).wait();
    ExitCode::SUCCESS
}

fn nobody_waits_after_main() {
    let left = program("library_after_main", &[]);
    assert!(
        left.the_fatal_line()
            .contains("after its main function had returned")
    );
    assert_eq!(left.err.lines().count(), 1, "{left:?}");
}
