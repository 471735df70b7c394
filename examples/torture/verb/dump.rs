//! Dumps all goroutines into a sink, from time to time: each is a moment's stop for those that it shows.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use crate::books::{THREADS_KEPT, discrepancy};
use crate::random::Random;
use crate::world::world;

/// The least time between two.
const PAUSE: Duration = Duration::from_millis(500);

/// When the next one may be made, in milliseconds since the beginning.
static NEXT: AtomicU64 = AtomicU64::new(0);

pub(super) async fn act(_random: &mut Random, _depth: u32) {
    let now = world().age().as_millis() as u64;
    let next = |at| (now >= at).then_some(now + PAUSE.as_millis() as u64);
    if NEXT.fetch_update(SeqCst, SeqCst, next).is_err() {
        return;
    }
    let entry = THREADS_KEPT.open();
    let mut sink = Sink::default();
    let dumped = gort::runtime::dump_to(&mut sink);
    entry.done();
    // The caller is in it, at least, and the main goroutine.
    if dumped.is_err() || sink.headings < 2 {
        discrepancy(format_args!(
            "a dump of {} bytes, {} bodies",
            sink.bytes, sink.headings
        ));
    }
}

/// Counts what is written, and keeps nothing of it.
#[derive(Default)]
struct Sink {
    bytes: usize,
    /// Lines that begin with something: the rest is about the body that such a line names.
    headings: usize,
    in_line: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            if !self.in_line && matches!(byte, b'g' | b't') {
                self.headings += 1;
            }
            self.in_line = byte != b'\n';
        }
        self.bytes += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
