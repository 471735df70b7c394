//! The backtraces of goroutines and tasks that are parked in the middle of their code, in dumps.

mod support;

use gort::{Builder, Wait};
use support::dumps::{comes_to, dump, entry, functions, goroutine, task};
use support::{Event, watchdog};

#[inline(never)]
fn innermost() -> u32 {
    Event::new().wait();
    std::hint::black_box(1)
}

#[inline(never)]
fn between() -> u32 {
    innermost() + std::hint::black_box(1)
}

#[inline(never)]
fn deep(levels: u32) -> u32 {
    let below = if levels == 0 {
        innermost()
    } else {
        deep(levels - 1)
    };
    below + std::hint::black_box(1)
}

/// Through code of its own and std's, with no frame of the runtime's at either end.
#[test]
fn backtraces() {
    let _watchdog = watchdog("backtraces");
    goroutine("calls", || _ = between());
    goroutine("sorts", || [2, 1].sort_by_key(|_| between()));
    task("polls", async { _ = between() });
    goroutine("is deep", || _ = deep(200));
    for name in ["calls", "sorts", "polls", "is deep"] {
        comes_to(name, "waiting");
    }
    let dump = dump();
    let of = |name| functions(entry(&dump, name).unwrap());
    for name in ["calls", "sorts", "polls"] {
        assert_eq!(
            of(name)[..2],
            ["dump_backtraces::innermost", "dump_backtraces::between"],
            "{dump}"
        );
        assert!(
            !of(name).iter().any(|function| function.contains("gort_")),
            "{dump}"
        );
    }
    // With debug information, and nothing inlined.
    if cfg!(debug_assertions) {
        assert!(
            of("sorts")
                .iter()
                .any(|function| function.contains("slice::sort")),
            "{dump}"
        );
        let here = format!(
            "dump_backtraces::innermost\n\t{}",
            std::env::current_dir().unwrap().display()
        );
        assert!(entry(&dump, "calls").unwrap().contains(&here), "{dump}");
        assert!(
            of("calls")
                .last()
                .unwrap()
                .starts_with("dump_backtraces::backtraces::"),
            "{dump}"
        );
        assert!(
            of("polls")
                .last()
                .unwrap()
                .starts_with("dump_backtraces::backtraces::"),
            "{dump}"
        );
    }
    let deep = of("is deep");
    assert_eq!(deep.last(), Some(&"...more frames"), "{dump}");
    assert!((90..110).contains(&deep.len()), "{dump}");
}

/// A goroutine that waits next to its guard is shown as any other.
#[test]
fn a_backtrace_takes_no_room() {
    let _watchdog = watchdog("a_backtrace_takes_no_room");
    /// Of a stack of 32 KiB, of which half is guard.
    const USED: usize = 11 << 10;
    #[inline(never)]
    fn down(from: usize) -> u32 {
        let here = std::hint::black_box(0_u8);
        if from - (&raw const here).addr() < USED {
            down(from) + std::hint::black_box(1)
        } else {
            innermost()
        }
    }
    let body = || {
        let here = 0_u8;
        down((&raw const here).addr())
    };
    drop(Builder::new().name("has no room").stack_size(1).go(body).unwrap());
    comes_to("has no room", "waiting");
    let dump = dump();
    let functions = functions(entry(&dump, "has no room").unwrap());
    let down = functions
        .iter()
        .filter(|function| function.ends_with("::down"))
        .count();
    assert!(
        functions[0] == "dump_backtraces::innermost" && down > 10,
        "{dump}"
    );
}
