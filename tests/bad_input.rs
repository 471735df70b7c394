//! What the environment and the program say wrong: one line of warning each, and the nearest thing that makes sense.

#![expect(clippy::print_stdout, reason = "a test's output")]

mod support;

use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use support::programs::{self, Left, Named, named, program};
use support::recurse;

const PROGRAMS: &[Named<ExitCode>] = named![
    procs,
    asks_for_three,
    asks_for_too_many,
    stack_sizes,
    default_stack,
    asks_for_64_kib,
    not_utf8,
];

const TESTS: &[Named<()>] = named![
    gomaxprocs,
    the_entry_goes_before_gomaxprocs,
    gortdebug,
    gort_stack,
    the_entry_goes_before_gort_stack,
    odd_sizes_are_rounded_up,
    what_is_not_utf8,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

/// Prints GOMAXPROCS.
fn say_procs() {
    gort::block_on(gort::spawn(async {})).unwrap();
    print!("{}", gort::runtime::max_procs());
}

fn procs() -> ExitCode {
    say_procs();
    ExitCode::SUCCESS
}

#[gort::main(processors = 3)]
async fn asks_for_three() {
    say_procs();
}

#[gort::main(processors = 5000)]
async fn asks_for_too_many() {
    say_procs();
}

fn gomaxprocs() {
    let default = program("procs", &[("GOMAXPROCS", "")]);
    default.assert_quiet(0);
    for value in ["1", "7", " 2 ", "1024"] {
        let left = program("procs", &[("GOMAXPROCS", value)]);
        left.assert_quiet(0);
        assert_eq!(left.out, value.trim());
    }
    for value in ["0", "-3", "abc", "2.5", "0x10", "1 2"] {
        let left = program("procs", &[("GOMAXPROCS", value)]);
        left.assert_success();
        let warning = left.the_warning();
        assert!(
            warning.contains("GOMAXPROCS: ignoring") && warning.contains(&format!("{value:?}")),
            "{warning}"
        );
        assert_eq!(left.out, default.out);
    }
    for value in ["1025", "1000000", "99999999999999999999999999"] {
        let left = program("procs", &[("GOMAXPROCS", value)]);
        left.assert_success();
        let warning = left.the_warning();
        assert!(
            warning.contains(&format!("GOMAXPROCS: {value} is more than 1024; using 1024")),
            "{warning}"
        );
        assert_eq!(left.out, "1024");
    }
}

fn the_entry_goes_before_gomaxprocs() {
    for value in ["2", "abc"] {
        let left = program("asks_for_three", &[("GOMAXPROCS", value)]);
        left.assert_quiet(0);
        assert_eq!(left.out, "3");
    }
    let left = program("asks_for_too_many", &[]);
    left.assert_success();
    assert!(
        left.the_warning().contains("5000 is more than 1024; using 1024"),
        "{left:?}"
    );
    assert_eq!(left.out, "1024");
}

fn gortdebug() {
    const KNOWN: &str = "the known words are boot=1, schedtrace=MS, scheddetail=1, stuck=0, updatemaxprocs=0, \
                         membarrier=0, fault=STEP (for tests)";
    for value in [
        "",
        ",",
        " , ",
        "boot=0",
        "boot=0,",
        " boot=0 ,boot=0",
        "schedtrace=0",
        "scheddetail=1",
        "stuck=0",
    ] {
        program("procs", &[("GORTDEBUG", value)]).assert_quiet(0);
    }
    for (value, ignored) in [
        ("nonsense", "nonsense"),
        ("nonsense=1", "nonsense=1"),
        ("a=1,b,boot=0, c=2", "a=1, b, c=2"),
        ("boot=2", "boot=2"),
        ("boot", "boot"),
        ("fault=nothing", "fault=nothing"),
        ("BOOT=1", "BOOT=1"),
        ("schedtrace", "schedtrace"),
        ("schedtrace=fast,schedtrace=-1", "schedtrace=fast, schedtrace=-1"),
        ("schedtrace=1.5,scheddetail=2", "schedtrace=1.5, scheddetail=2"),
        ("stuck=no", "stuck=no"),
        ("two\nlines=1\n2", "two\\nlines=1\\n2"),
        ("updatemaxprocs=2", "updatemaxprocs=2"),
    ] {
        let left = program("procs", &[("GORTDEBUG", value)]);
        left.assert_success();
        let warning = left.the_warning();
        assert_eq!(warning, format!("gort: GORTDEBUG: {KNOWN}; ignoring {ignored}"));
    }
    // However long it is, the known words are there.
    let long = "nonsense,".repeat(1000);
    let left = program("procs", &[("GORTDEBUG", &long)]);
    left.assert_success();
    assert!(left.the_warning().contains(KNOWN));
    // A word that is known is heeded beside one that is not.
    let left = program("procs", &[("GORTDEBUG", "nonsense,boot=1")]);
    left.assert_success();
    assert_eq!(left.lines("gort: ").len(), 1, "{left:?}");
    assert!(left.lines("boot: ").len() > 20, "{left:?}");
}

/// Overflows: the report says how large the stack was.
fn default_stack() -> ExitCode {
    gort::go(|| recurse(usize::MAX)).wait().unwrap();
    ExitCode::FAILURE
}

#[gort::main(stack_size = 65536)]
fn asks_for_64_kib() -> ExitCode {
    default_stack()
}

/// The size of the stack that overflowed, in KiB.
fn overflowed(left: &Left) -> usize {
    let (_, size) = left.err.split_once("its stack of ").unwrap();
    size.split_once(" KiB").unwrap().0.parse().unwrap()
}

fn gort_stack() {
    for (value, kib) in [
        ("", 256),
        ("1", 32),
        ("4096", 32),
        ("32768", 32),
        ("32769", 64),
        ("100000", 128),
        (" 131072 ", 128),
        ("1048576", 1024),
    ] {
        let left = program("default_stack", &[("GORT_STACK", value)]);
        assert_eq!(overflowed(&left), kib, "{value:?}: {left:?}");
        assert_eq!(left.lines("gort: ").len(), 0, "{value:?}: {left:?}");
    }
    for value in ["abc", "0", "-5", "64k", "1e6"] {
        let left = program("default_stack", &[("GORT_STACK", value)]);
        assert_eq!(overflowed(&left), 256);
        let warnings = left.lines("gort: ");
        let expected = format!("gort: GORT_STACK: ignoring {value:?}: not a positive number of bytes");
        assert_eq!(warnings, [expected]);
    }
    for value in ["1073741825", "99999999999999999999999999"] {
        // The largest one is not filled here.
        let left = program("procs", &[("GORT_STACK", value)]);
        left.assert_success();
        let warning = left.the_warning();
        assert_eq!(
            warning,
            format!("gort: GORT_STACK: {value} is more than 1073741824; using 1073741824")
        );
    }
}

fn the_entry_goes_before_gort_stack() {
    let left = program("asks_for_64_kib", &[("GORT_STACK", "1048576")]);
    assert_eq!(overflowed(&left), 64);
}

/// Runs a goroutine on a stack of this size.
fn on(bytes: usize) -> std::io::Result<usize> {
    let goroutine = gort::Builder::new().stack_size(bytes).go(move || {
        // A wait, an allocation and some formatting fit into the least there is.
        gort::block_on(gort::task::yield_now());
        format!("{bytes}").len()
    });
    Ok(goroutine?.wait().unwrap())
}

fn stack_sizes() -> ExitCode {
    for bytes in [
        0,
        1,
        4095,
        16 << 10,
        (32 << 10) - 1,
        32 << 10,
        (32 << 10) + 1,
        100_000,
        (4 << 20) + 1,
        12_345_678,
        1 << 30,
    ] {
        assert_eq!(on(bytes).unwrap(), bytes.to_string().len());
    }
    for bytes in [(1 << 30) + 1, usize::MAX / 2, usize::MAX] {
        let error = on(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(
            text.contains(&bytes.to_string()) && text.contains("1073741824"),
            "{text}"
        );
    }
    assert_eq!(on(0).unwrap(), 1);
    ExitCode::SUCCESS
}

fn odd_sizes_are_rounded_up() {
    program("stack_sizes", &[]).assert_quiet(0);
}

/// Sets what no `&str` can be, then boots.
fn not_utf8() -> ExitCode {
    for name in ["GOMAXPROCS", "GORTDEBUG", "GORT_STACK"] {
        let value = std::ffi::OsString::from_vec(vec![b'1', 0xFF]);
        // SAFETY: one thread.
        unsafe { std::env::set_var(name, value) };
    }
    say_procs();
    ExitCode::SUCCESS
}

fn what_is_not_utf8() {
    let left = program("not_utf8", &[]);
    left.assert_success();
    for name in ["GOMAXPROCS", "GORTDEBUG", "GORT_STACK"] {
        assert_eq!(left.lines(&format!("gort: {name}: ")).len(), 1, "{left:?}");
    }
    assert_eq!(left.err.lines().count(), 3, "{left:?}");
}
