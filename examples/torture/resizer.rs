//! Changes the number of processors every 5 ms, unless `GOMAXPROCS` says how many there are to be.

use std::thread;
use std::time::{Duration, Instant};

use gort::runtime::{max_procs, set_max_procs};

use crate::books::{Book, discrepancy};
use crate::event::Event;
use crate::world::world;

const PAUSE: Duration = Duration::from_millis(5);
pub(crate) const MOST_PROCESSORS: usize = 8;

pub(crate) static RESIZES: Book = Book::whole("resizes");

/// Starts a thread that does, until the time is over, and then sets the event.
pub(crate) fn start() -> Option<Event> {
    if std::env::var_os("GOMAXPROCS").is_some() {
        return None;
    }
    let left = Event::new();
    let mine = left.clone();
    thread::spawn(move || {
        cycle();
        mine.set();
    });
    Some(left)
}

fn cycle() {
    let before = max_procs();
    let (mut last, mut tick) = (before, Instant::now());
    while world().goes_on() {
        let next = last % MOST_PROCESSORS + 1;
        resize(last, next);
        last = next;
        tick += PAUSE;
        thread::sleep(tick.saturating_duration_since(Instant::now()));
    }
    resize(last, before);
}

fn resize(from: usize, to: usize) {
    let entry = RESIZES.open();
    let before = set_max_procs(to);
    if before != from || max_procs() != to {
        discrepancy(format_args!(
            "{from} processors were to become {to}; there were {before}, and are {}",
            max_procs()
        ));
    }
    entry.done();
}
