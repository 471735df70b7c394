//! The memory of stacks goes back: after each wave of very many goroutines, or of tasks that wait inside their polls,
//! resident memory and page tables together are what they were before the first. Each test measures the whole process,
//! so each runs in a child.

#![allow(clippy::print_stdout, reason = "figures belong to the tests' output")]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use gort::{Builder, Wait};
use support::gate::Gate;
use support::limits::no_guard_regions;
use support::proc::{Usage, comes_true, mappings, trim};
use support::{is_child, recurse, run_child_and_show, watchdog_within};

const WAVES: usize = 3;
/// A wave may leave so much.
const LEFT: usize = 20 << 20;
/// On a quiet machine it takes 10 s at most; the rest is for a loaded one.
const WITHIN: Duration = Duration::from_secs(60);
/// Looking costs some milliseconds, during which the kernel does nothing else to the memory.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// For all waves.
const LIMIT: Duration = Duration::from_secs(300);
/// Of [`recurse`]: some pages of stack more than the one that every goroutine touches.
const DEPTH: usize = 10;

/// Three waves of `count`, each of which `start` starts to go through the gate.
fn waves(name: &'static str, count: usize, start: fn(&'static Gate, usize)) {
    waves_with(name, &[], count, start);
}

/// The same with these variables.
fn waves_with(name: &'static str, env: &[(&str, &str)], count: usize, start: fn(&'static Gate, usize)) {
    if !is_child(name) {
        return run_child_and_show(name, env);
    }
    let _watchdog = watchdog_within(name, LIMIT);
    let gate = Gate::new(count);
    gort::block_on(async {});
    let goroutines = gort::runtime::num_goroutines();
    let before = (Usage::now(), mappings());
    for wave in 1..=WAVES {
        (0..count).for_each(|place| start(gate, place));
        gate.fill();
        assert_eq!(gort::runtime::num_goroutines() - goroutines, count);
        let waiting = (Usage::now(), mappings());
        gate.open();
        let ended = || gort::runtime::num_goroutines() == goroutines;
        assert!(comes_true(WITHIN, ended));
        assert_eq!(gate.through(), count);
        gate.close();

        let end = Instant::now();
        let gone = || {
            thread::sleep(LOOK_EVERY);
            trim();
            Usage::now().since(before.0) < LEFT
        };
        assert!(comes_true(WITHIN, gone), "{before:?} {:?}", Usage::now());
        println!(
            "wave {wave} of {count}: {} MiB, of which {} of page tables, and {} mappings; {:.1?} after its end {} KiB \
             and {} mappings",
            waiting.0.since(before.0) >> 20,
            (waiting.0.page_tables - before.0.page_tables) >> 20,
            waiting.1 - before.1,
            end.elapsed(),
            Usage::now().since(before.0) >> 10,
            mappings() - before.1,
        );
    }
}

fn go_through(gate: &'static Gate, place: usize) {
    recurse(DEPTH);
    gate.pass(place).wait();
    gate.went_through();
}

#[test]
fn goroutines() {
    waves("goroutines", 100_000, |gate, place| {
        drop(gort::go(move || go_through(gate, place)));
    });
}

/// Each processor keeps some stacks for itself, and each of these a chunk of others: 28 MiB, were that for ever.
#[test]
fn goroutines_on_many_processors() {
    let env = [("GOMAXPROCS", "32")];
    waves_with("goroutines_on_many_processors", &env, 30_000, |gate, place| {
        drop(gort::go(move || go_through(gate, place)));
    });
}

#[test]
fn goroutines_of_many_sizes() {
    const SIZES: [usize; 4] = [32 << 10, 64 << 10, 512 << 10, 4 << 20];
    waves("goroutines_of_many_sizes", 40_000, |gate, place| {
        let builder = Builder::new().stack_size(SIZES[place % SIZES.len()]);
        drop(builder.go(move || go_through(gate, place)).unwrap());
    });
}

#[test]
fn tasks_in_the_middle_of_a_poll() {
    waves("tasks_in_the_middle_of_a_poll", 20_000, |gate, place| {
        drop(gort::spawn(async move { go_through(gate, place) }));
    });
}

/// Fewer than there are mappings for.
#[test]
fn goroutines_without_guard_regions() {
    let name = "goroutines_without_guard_regions";
    if is_child(name) && !no_guard_regions() {
        println!("SKIPPED: no seccomp here");
        return;
    }
    waves(name, 20_000, |gate, place| {
        drop(gort::go(move || go_through(gate, place)));
    });
}
