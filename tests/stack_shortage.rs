//! A goroutine for which there is no stack waits, says why, and starts once there is one: though nobody gives one back
//! and every M sleeps by then, and though it is mappings that there are too few of. Each limits the whole process, so
//! each runs in a child; its parent reads the warning, and then tells it to go on.

#![allow(clippy::print_stdout, reason = "a test's output")]

mod support;

use std::io::{BufRead, BufReader, Write, stdin};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use gort::Wait;
use support::gate::Gate;
use support::limits::{free_address_space, leave_address_space, no_guard_regions};
use support::proc::{mappings, switches};
use support::{HUNG, child, is_child, until, watchdog};

/// Longer than the scavenger lets a stack lie: without a switch for so long, every M sleeps until it is woken.
const QUIET: Duration = Duration::from_millis(1500);
/// What may be mapped during the shortage: enough for malloc, and less than such a stack.
const SLACK: usize = 1 << 20;
/// A size of stack of which the runtime has none at hand.
const UNUSUAL_STACK: usize = 4 << 20;
/// What a child says that cannot do what it is there for.
const SKIPPED: &str = "SKIPPED: ";

/// A child that is short of stacks.
struct Short {
    child: Child,
    said: Box<dyn Iterator<Item = String>>,
}

impl Short {
    fn start(name: &str) -> Short {
        let mut child = child(name, &[("GOMAXPROCS", "1")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        // A thread takes a stack, too.
        let said = said
            .map(|line| line.unwrap())
            .filter(|line| !line.starts_with("gort: no further thread can be had"));
        Short {
            child,
            said: Box::new(said),
        }
    }

    /// The first that it says.
    fn says(&mut self) -> String {
        self.said.next().expect("it ended without a word")
    }

    /// It goes on, and has nothing more to say.
    fn goes_on(mut self) {
        writeln!(self.child.stdin.take().unwrap(), "go on").unwrap();
        let rest: Vec<String> = self.said.collect();
        let status = self.child.wait().unwrap();
        assert_ne!(status.code(), Some(HUNG), "{rest:?}");
        assert!(status.success() && rest.is_empty(), "{status} {rest:?}");
    }
}

/// In the child: until the parent says so.
fn wait_to_go_on() {
    stdin().read_line(&mut String::new()).unwrap();
}

/// Until no M has anything to do.
fn fall_asleep() {
    let ms = || {
        let all = switches(std::process::id()).into_iter();
        all.filter(|thread| thread.name.starts_with("gort-m"))
            .collect::<Vec<_>>()
    };
    let mut before = ms();
    loop {
        thread::sleep(QUIET);
        let now = ms();
        if now == before {
            return;
        }
        before = now;
    }
}

#[test]
fn starts_when_there_is_room_again() {
    let name = "starts_when_there_is_room_again";
    if !is_child(name) {
        let mut short = Short::start(name);
        let warning = short.says();
        let expected =
            "gort: no further stack can be had: reserving address space for stacks (raise `ulimit -v`";
        assert!(warning.starts_with(expected), "{warning}");
        return short.goes_on();
    }
    let _watchdog = watchdog(name);
    // The runtime is up, and has every thread that it will need.
    gort::spawn(async {}).wait().unwrap();
    fall_asleep();
    gort_runtime_core::set_default_stack(UNUSUAL_STACK);
    leave_address_space(SLACK);
    let late = gort::go(|| ());
    wait_to_go_on();
    assert!(!late.is_finished());
    free_address_space();
    late.wait().unwrap();
}

/// As on a kernel before 6.13. The limit is the process's, and most of it may be used for stacks, but not all.
#[test]
fn leaves_mappings_to_the_program() {
    /// More would take long.
    const MOST: usize = 200_000;
    let name = "leaves_mappings_to_the_program";
    if !is_child(name) {
        let mut short = Short::start(name);
        let said = short.says();
        if said.starts_with(SKIPPED) {
            println!("{said}");
        } else {
            let expected = "gort: no further stack can be had: guarding a stack with mprotect (";
            assert!(
                said.starts_with(expected) && said.contains("vm.max_map_count"),
                "{said}"
            );
        }
        return short.goes_on();
    }
    let _watchdog = watchdog(name);
    // Where nobody says, it may be any number.
    let max = std::fs::read_to_string("/proc/sys/vm/max_map_count");
    let max = max.map_or(usize::MAX, |max| max.trim().parse().unwrap());
    if max > MOST || !no_guard_regions() {
        let _ = writeln!(
            std::io::stderr(),
            "{SKIPPED}vm.max_map_count is {max}, or no seccomp"
        );
        return wait_to_go_on();
    }
    // Each would take two.
    let count = max / 2;
    let gate = Gate::new(count);
    for place in 0..count {
        drop(gort::go(move || {
            gate.pass(place).wait();
            gate.went_through();
        }));
    }
    wait_to_go_on();
    let left = max - mappings();
    assert!(left > max / 10, "{left} of {max} are left");
    thread::spawn(|| ()).join().unwrap();
    gate.open();
    until(|| gate.through() == count);
}
