//! What waiting costs: a million tasks, a hundred thousand goroutines, and what is left of them afterwards. Each
//! measures the whole process, so each runs in a child.

#![allow(clippy::print_stdout, reason = "figures belong to the tests' output")]

mod support;

use std::time::{Duration, Instant};

use gort::Wait;
use gort::time::timeout;
use support::gate::Gate;
use support::proc::{Usage, comes_true, mappings, trim};
use support::{is_child, run_child_and_show, watchdog};

const TASKS: usize = 1_000_000;
/// Beyond its future.
const BYTES_PER_TASK: usize = 128;
const GOROUTINES: usize = 100_000;
/// Page tables included.
const BYTES_PER_GOROUTINE: usize = 4_850;
/// Of mappings in a process: what `vm.max_map_count` is unless somebody has raised it.
const DEFAULT_MAX_MAP_COUNT: usize = 65_530;
/// The scavenger empties what was idle for a second; the rest is for a loaded machine.
const SCAVENGED_WITHIN: Duration = Duration::from_secs(60);
const FOR_EVER: Duration = Duration::from_secs(3600);

#[test]
fn a_million_tasks() {
    let name = "a_million_tasks";
    if !is_child(name) {
        return run_child_and_show(name, &[]);
    }
    let _watchdog = watchdog(name);
    let gate = Gate::new(TASKS);
    let future = |place| async move {
        gate.pass(place).await;
        gate.went_through();
    };
    let future_size = size_of_val(&future(0));
    gort::block_on(async {});
    let goroutines = gort::runtime::num_goroutines();

    let before = Usage::now();
    let start = Instant::now();
    for place in 0..TASKS {
        drop(gort::spawn(future(place)));
    }
    gate.fill();
    let spawned = start.elapsed();
    assert_eq!(gort::runtime::num_goroutines() - goroutines, TASKS);
    let waiting = Usage::now();
    let resident = waiting.resident.saturating_sub(before.resident);
    let per_task = resident.div_ceil(TASKS);
    println!(
        "{TASKS} waiting tasks: {per_task} bytes resident each, of which the future has {future_size}; \
         page tables {} bytes each; spawned in {spawned:.1?}",
        (waiting.page_tables - before.page_tables) / TASKS,
    );
    assert!(per_task <= future_size + BYTES_PER_TASK, "{per_task} bytes each");

    gate.open();
    let ended = || gort::runtime::num_goroutines() == goroutines;
    assert!(comes_true(Duration::from_secs(100), ended));
    assert_eq!(gate.through(), TASKS);
    // The stack on which the last ones run is given back, too.
    let back = || {
        trim();
        Usage::now().since(before) < waiting.since(before) / 10
    };
    assert!(comes_true(SCAVENGED_WITHIN, back), "{:?}", Usage::now());
    println!(
        "and {} KiB more than before once they have ended",
        Usage::now().since(before) / 1024
    );
}

/// Three waves of goroutines: what each costs while `wait` waits, and that it comes back. The second may come at once,
/// on the stacks of the first.
fn waves(gate: &'static Gate, wait: fn(&'static Gate, usize), at_once: bool) {
    gort::block_on(async {});
    let goroutines = gort::runtime::num_goroutines();
    let at_first = Usage::now();
    let (mut before, mut first) = (at_first, 0);
    for wave in 1..=3 {
        let start = Instant::now();
        for place in 0..GOROUTINES {
            drop(gort::go(move || {
                wait(gate, place);
                gate.went_through();
            }));
        }
        gate.fill();
        let started = start.elapsed();
        assert_eq!(gort::runtime::num_goroutines() - goroutines, GOROUTINES);
        let waiting = Usage::now();
        let mappings = mappings();
        assert!(mappings < DEFAULT_MAX_MAP_COUNT / 2, "{mappings} mappings");
        let each = waiting.since(before).div_ceil(GOROUTINES);
        println!(
            "wave {wave}: {GOROUTINES} waiting goroutines: {each} bytes each, of which {} of page tables; \
             started in {started:.1?}",
            (waiting.page_tables - before.page_tables) / GOROUTINES,
        );
        assert!(each <= BYTES_PER_GOROUTINE, "{each} bytes each");

        gate.open();
        let ended = || gort::runtime::num_goroutines() == goroutines;
        assert!(comes_true(Duration::from_secs(100), ended));
        assert_eq!(gate.through(), GOROUTINES);
        gate.close();
        if wave == 1 {
            first = waiting.since(before);
        }
        if wave != 1 || !at_once {
            let back = || {
                trim();
                Usage::now().since(at_first) < first / 50
            };
            assert!(
                comes_true(SCAVENGED_WITHIN, back),
                "{at_first:?} {:?}",
                Usage::now()
            );
            before = Usage::now();
            println!(
                "and {} KiB more than at first once they have ended",
                before.since(at_first) / 1024
            );
        }
    }
}

#[test]
fn a_hundred_thousand_goroutines() {
    let name = "a_hundred_thousand_goroutines";
    if !is_child(name) {
        return run_child_and_show(name, &[]);
    }
    let _watchdog = watchdog(name);
    waves(Gate::new(GOROUTINES), |gate, place| gate.pass(place).wait(), true);
}

/// Each has a timer as well, which is cancelled: that is 48 bytes more, and deeper frames.
#[test]
fn a_hundred_thousand_goroutines_with_timers() {
    let name = "a_hundred_thousand_goroutines_with_timers";
    if !is_child(name) {
        return run_child_and_show(name, &[]);
    }
    let _watchdog = watchdog(name);
    let wait = |gate: &'static Gate, place| {
        timeout(FOR_EVER, gate.pass(place)).wait().unwrap();
    };
    // Not on stacks whose last owner went deeper: cancelling a timer takes a second page where nothing is optimised.
    waves(Gate::new(GOROUTINES), wait, false);
}
