//! How a model is run, in all crates' (by `#[path]`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs `check` in every schedule with at most so many forced switches: minutes become seconds, and bugs of such
/// protocols need two or three. Prints how many schedules there were.
#[allow(clippy::print_stdout, reason = "shown by --nocapture")]
pub(crate) fn model(preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let schedules = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&schedules);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.max_branches = 10_000;
    model.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        check();
    });
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: {} schedules", schedules.load(Ordering::Relaxed));
}
