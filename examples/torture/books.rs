//! The books: what was begun has ended, what was sent has arrived. Everybody writes them, `report` closes them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::resizer::RESIZES;
use crate::verb::panics::RAISED;

/// What is written once for each beginning and once for each end.
pub(crate) struct Book {
    pub(crate) name: &'static str,
    /// Whether an entry may end without having come to its end: its future was dropped in the middle.
    may_give_up: bool,
    opened: AtomicU64,
    done: AtomicU64,
    given_up: AtomicU64,
    most_open: AtomicU64,
}

/// What a book says at some moment.
#[derive(Clone, Copy)]
pub(crate) struct Count {
    pub(crate) opened: u64,
    pub(crate) done: u64,
    pub(crate) given_up: u64,
    pub(crate) most_open: u64,
}

impl Count {
    pub(crate) fn open(&self) -> u64 {
        // Read one after the other: an entry may have been opened and ended in between.
        self.opened.saturating_sub(self.done + self.given_up)
    }

    /// Whether as many have ended as have begun.
    pub(crate) fn balances(&self) -> bool {
        self.opened == self.done + self.given_up
    }
}

impl Book {
    /// A book whose entries all come to their end.
    pub(crate) const fn whole(name: &'static str) -> Book {
        Book::new(name, false)
    }

    /// A book of what may be dropped in the middle.
    pub(crate) const fn of_futures(name: &'static str) -> Book {
        Book::new(name, true)
    }

    const fn new(name: &'static str, may_give_up: bool) -> Book {
        Book {
            name,
            may_give_up,
            opened: AtomicU64::new(0),
            done: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
            most_open: AtomicU64::new(0),
        }
    }

    pub(crate) fn open(&'static self) -> Entry {
        self.opened.fetch_add(1, SeqCst);
        self.most_open.fetch_max(self.count().open(), SeqCst);
        Entry {
            book: self,
            done: false,
        }
    }

    pub(crate) fn count(&self) -> Count {
        Count {
            opened: self.opened.load(SeqCst),
            done: self.done.load(SeqCst),
            given_up: self.given_up.load(SeqCst),
            most_open: self.most_open.load(SeqCst),
        }
    }
}

/// Something that has begun.
pub(crate) struct Entry {
    book: &'static Book,
    done: bool,
}

impl Entry {
    /// It has come to its end.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.done {
            self.book.done.fetch_add(1, SeqCst);
            return;
        }
        self.book.given_up.fetch_add(1, SeqCst);
        if !self.book.may_give_up {
            discrepancy(format_args!("{} ended in the middle", self.book.name));
        }
    }
}

/// Tasks, by `child` and `local`.
pub(crate) static TASKS: Book = Book::whole("tasks");
/// Goroutines.
pub(crate) static GOROUTINES: Book = Book::whole("goroutines");
/// Jobs on blocking threads.
pub(crate) static JOBS: Book = Book::whole("jobs");
/// Calls for which a blocking thread is wanted.
pub(crate) static CALLS: Book = Book::whole("blocking calls");
/// What a task or goroutine returns, until it is dropped.
pub(crate) static OUTPUTS: Book = Book::whole("outputs");
/// Joins of them, until the result is there or the join is given up.
pub(crate) static JOINS: Book = Book::of_futures("joins");
/// Connections that a client has made and means to end well.
pub(crate) static CLIENTS: Book = Book::whole("clients");
/// Connections that the server has accepted. A client that breaks off is one given up.
pub(crate) static SERVED: Book = Book::of_futures("served");
/// What foreign threads have been asked for.
pub(crate) static ERRANDS: Book = Book::whole("errands");
/// Sections in which a body keeps its thread to itself.
pub(crate) static THREADS_KEPT: Book = Book::whole("threads kept");

/// Those that belong to no verb.
pub(crate) static SHARED: [&Book; 12] = [
    &TASKS,
    &GOROUTINES,
    &JOBS,
    &CALLS,
    &OUTPUTS,
    &JOINS,
    &CLIENTS,
    &SERVED,
    &ERRANDS,
    &RAISED,
    &RESIZES,
    &THREADS_KEPT,
];

/// How many bodies have been started and have not ended.
pub(crate) fn open_bodies() -> u64 {
    TASKS.count().open() + GOROUTINES.count().open()
}

/// Everything that has ever come to its end: it stands still when the program hangs.
pub(crate) fn progress() -> u64 {
    let ended = |book: &Book| book.count().done + book.count().given_up;
    let verbs = crate::verb::VERBS.iter().map(|verb| ended(&verb.book));
    let shared = SHARED.iter().map(|book| ended(book));
    verbs.chain(shared).sum()
}

/// The bytes that passed some place, and a sum of what they were. The order of connections does not matter to it.
pub(crate) struct Flow {
    pub(crate) name: &'static str,
    bytes: AtomicU64,
    sum: AtomicU64,
}

impl Flow {
    const fn new(name: &'static str) -> Flow {
        Flow {
            name,
            bytes: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    pub(crate) fn add(&self, of_one: &Checksum) {
        self.bytes.fetch_add(of_one.bytes, SeqCst);
        self.sum.fetch_add(of_one.sum, SeqCst);
    }

    pub(crate) fn total(&self) -> (u64, u64) {
        (self.bytes.load(SeqCst), self.sum.load(SeqCst))
    }
}

/// What the clients have sent.
pub(crate) static SENT: Flow = Flow::new("sent by clients");
/// What the server has read, and sent back.
pub(crate) static ECHOED: Flow = Flow::new("echoed");
/// What the clients have got back.
pub(crate) static RETURNED: Flow = Flow::new("returned to clients");

/// Of the bytes of one direction of one connection, in order (FNV-1a, as far as the last byte).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    bytes: u64,
    sum: u64,
}

impl Checksum {
    pub(crate) fn new() -> Checksum {
        Checksum {
            bytes: 0,
            sum: 0xCBF2_9CE4_8422_2325,
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        for &byte in bytes {
            self.sum = (self.sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}

static DISCREPANCIES: AtomicU64 = AtomicU64::new(0);

/// As many are printed: where there are more, they are of one kind.
const MOST_LINES: u64 = 20;

/// Something is not as it must be: the program will fail.
pub(crate) fn discrepancy(what: fmt::Arguments<'_>) {
    if DISCREPANCIES.fetch_add(1, SeqCst) < MOST_LINES {
        eprintln!("torture: discrepancy: {what}");
    }
}

pub(crate) fn discrepancies() -> u64 {
    DISCREPANCIES.load(SeqCst)
}
