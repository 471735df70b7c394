//! Functions without colours: whoever is called may wait for any future, and no caller has to know.
//!
//! `main` is async and calls a sync function; that one calls std's `sort_by_cached_key`, which knows nothing of
//! futures; its callback waits for an async function; which calls a sync function, which waits for a future; and so
//! does a destructor. All of it is one stack. There is one P, hence one thread at a time: that the ticker gets on shows
//! that no wait blocks it.
#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use gort::Wait;
use gort::time::sleep;

/// What stands for a query over the network.
const QUERY: Duration = Duration::from_millis(10);
const TICK: Duration = Duration::from_millis(1);

/// How often the ticker has run: work of others that goes on meanwhile.
static TICKS: AtomicUsize = AtomicUsize::new(0);

#[gort::main(processors = 1)]
async fn main() {
    drop(gort::spawn(async {
        loop {
            sleep(TICK).await;
            TICKS.fetch_add(1, Relaxed);
        }
    }));

    let thread = std::thread::current().id();
    let before = TICKS.load(Relaxed);

    // Async code calls sync code, as ever.
    let sorted = by_size(vec!["aurora", "io", "vesta"]);

    let ticks = TICKS.load(Relaxed) - before;
    assert_eq!(sorted, ["io", "vesta", "aurora"]);
    assert_eq!(std::thread::current().id(), thread);
    assert!(ticks > 0, "waiting has blocked the thread");

    println!("sorted by a key that takes a query each: {sorted:?}");
    println!(
        "async main, sync function, std's sort, its callback, async function, sync function, destructor:"
    );
    println!(
        "all of them waited, on one stack and one thread, and a task on the same thread ran on meanwhile"
    );
}

/// Sync, and no caller can see that it waits.
fn by_size(mut names: Vec<&str>) -> Vec<&str> {
    // std's sort takes a plain closure. It waits for a future all the same.
    names.sort_by_cached_key(|name| size_of(name).wait());
    names
}

/// Async, called from a sync callback.
async fn size_of(name: &str) -> usize {
    let _session = Session;
    sleep(QUERY).await;
    parse(name)
}

/// Sync again, called from an async function, and waits in the middle of its caller's poll.
fn parse(name: &str) -> usize {
    let helper = name.to_owned();
    // For another goroutine, this time.
    gort::go(move || helper.len()).wait().unwrap()
}

/// A connection that says goodbye when it is dropped. `Drop` cannot be async; it need not be.
struct Session;

impl Drop for Session {
    fn drop(&mut self) {
        sleep(TICK).wait();
    }
}
