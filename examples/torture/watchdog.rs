//! Ends the program when it hangs: a foreign thread that sees that nothing ends any more, and dumps what there is.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::books::{self, SHARED};
use crate::verb::VERBS;
use crate::world::World;

/// The exit status of a program that hung.
const HUNG: i32 = 3;

/// Far longer than anything here takes on a machine that is busy with other things.
const STANDSTILL: Duration = Duration::from_secs(30);
/// How long what was begun in time may take to end.
const OVERTIME: Duration = Duration::from_secs(90);

const TIME_TO_DUMP: Duration = Duration::from_secs(20);

const LOOK: Duration = Duration::from_millis(500);

pub(crate) fn start(world: &'static World, seed: u64) {
    thread::spawn(move || {
        let (mut progress, mut since) = (books::progress(), Instant::now());
        loop {
            thread::sleep(LOOK);
            let now = books::progress();
            if now != progress {
                (progress, since) = (now, Instant::now());
            }
            if since.elapsed() > STANDSTILL {
                hangs(seed, "nothing has ended for", STANDSTILL);
            }
            if world.until().elapsed() > OVERTIME {
                hangs(seed, "the time is over for", OVERTIME);
            }
        }
    });
}

/// Says what is open, and ends the process at once.
fn hangs(seed: u64, what: &str, how_long: Duration) -> ! {
    eprintln!("torture: seed {seed} hangs: {what} {} s", how_long.as_secs());
    let verbs = VERBS.iter().map(|verb| &verb.book);
    for book in verbs.chain(SHARED) {
        let open = book.count().open();
        if open > 0 {
            eprintln!("torture: open: {open} of {}", book.name);
        }
    }
    eprintln!("torture: {} goroutines in all", gort::runtime::num_goroutines());
    // It may hang as well.
    let (sender, dumped) = channel();
    thread::spawn(move || {
        gort::runtime::dump();
        sender.send(())
    });
    if dumped.recv_timeout(TIME_TO_DUMP).is_err() {
        eprintln!("torture: the dump hangs, too");
    }
    std::process::exit(HUNG)
}
