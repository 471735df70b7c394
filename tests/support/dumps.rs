//! Reading dumps: the entry of one goroutine or task, by its name, and what it says.

use std::time::{Duration, Instant};

use gort::Builder;

pub(crate) fn dump() -> String {
    let mut text = Vec::new();
    gort::runtime::dump_to(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// The entry of the one G of this name.
pub(crate) fn entry<'a>(dump: &'a str, name: &str) -> Option<&'a str> {
    let end = format!("] {name:?}:");
    let mut entries = dump
        .split("\n\n")
        .filter(|entry| entry.lines().next().unwrap().ends_with(&end));
    let entry = entries.next();
    assert!(entries.next().is_none(), "{name} is there twice\n{dump}");
    entry
}

/// What stands between its brackets.
pub(crate) fn state(entry: &str) -> &str {
    let line = entry.lines().next().unwrap();
    let (from, to) = (line.find('[').unwrap() + 1, line.find(']').unwrap());
    &line[from..to]
}

/// Waits until the G of this name is shown in this state, with or without the time that it lasts.
#[track_caller]
pub(crate) fn comes_to(name: &str, expected: &str) {
    /// Far longer than it takes, and less than a watchdog waits.
    const LIMIT: Duration = Duration::from_secs(60);
    let begun = Instant::now();
    loop {
        let dump = dump();
        let state = entry(&dump, name).map(state);
        let rest = state.and_then(|state| state.strip_prefix(expected));
        if rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with(", ") && !rest.contains("base"))) {
            return;
        }
        assert!(
            begun.elapsed() < LIMIT,
            "{name}: not {expected} but {state:?}\n{dump}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[track_caller]
pub(crate) fn goroutine(name: &str, body: impl FnOnce() + Send + 'static) {
    drop(Builder::new().name(name).go(body).unwrap());
}

#[track_caller]
pub(crate) fn task(name: &str, body: impl Future<Output = ()> + Send + 'static) {
    drop(Builder::new().name(name).spawn(body));
}

/// The functions that an entry names, the innermost first.
pub(crate) fn functions(entry: &str) -> Vec<&str> {
    let lines = entry.trim_end().lines().skip(1);
    lines.filter(|line| !line.starts_with('\t')).collect()
}
