//! Changes the number of processors all the time, unless `GOMAXPROCS` says how many there are to be.

use std::time::Duration;

use gort::Wait;
use gort::runtime::{max_procs, set_max_procs};
use gort::time::sleep;

use crate::books::{Book, discrepancy};
use crate::child::{self, Child};
use crate::world::world;

const PAUSE: Duration = Duration::from_millis(5);
pub(crate) const MOST_PROCESSORS: usize = 8;

pub(crate) static RESIZES: Book = Book::whole("resizes");

pub(crate) fn start() -> Option<Child> {
    if std::env::var_os("GOMAXPROCS").is_some() {
        return None;
    }
    Some(child::goroutine(0, || {
        let before = max_procs();
        let mut last = before;
        while world().goes_on() {
            let next = last % MOST_PROCESSORS + 1;
            resize(last, next);
            last = next;
            sleep(PAUSE).wait();
        }
        resize(last, before);
    }))
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
