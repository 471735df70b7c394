//! Everything at once, at random: `cargo run --release --example torture -- SECONDS [SEED]`.
//!
//! Actors (tasks, goroutines, foreign threads) pick one verb after the other: `verb/` has a file for each. All that is
//! begun, sent or started is in the books. At the end the books balance, nothing is left of what was started, and the
//! exit status is 0; it is 1 after a discrepancy, each of which is a line on stderr, 2 for bad arguments, and 3 when
//! the program hung.
//!
//! The number of processors changes every 5 ms, from 1 to 8, unless `GOMAXPROCS` is set.
//!
//! The seed is printed. It repeats what every actor draws, not how the threads meet.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is what the program is for"
)]

mod actor;
mod args;
mod books;
mod child;
mod event;
mod foreign;
mod process;
mod random;
mod report;
mod resizer;
mod server;
mod verb;
mod watchdog;
mod world;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use gort::Wait;
use gort::net::{TcpListener, TcpStream};
use gort::time::sleep;

use crate::foreign::Foreign;
use crate::random::Random;
use crate::report::Standing;
use crate::server::Server;

/// The exit status for arguments that are none.
const BAD_ARGUMENTS: u8 = 2;

const LOOK: Duration = Duration::from_millis(10);

#[gort::main]
fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os().skip(1)) {
        Ok(args) => args,
        Err(what) => {
            eprintln!("torture: {what}");
            return ExitCode::from(BAD_ARGUMENTS);
        }
    };
    println!(
        "torture: {} s, seed {}, GOMAXPROCS {}",
        args.duration.as_secs(),
        args.seed,
        gort::runtime::max_procs()
    );
    match torture(&args) {
        Ok(true) => {
            println!("torture: seed {}: all books balance", args.seed);
            ExitCode::SUCCESS
        }
        Ok(false) => {
            eprintln!(
                "torture: seed {}: {} discrepancies",
                args.seed,
                books::discrepancies()
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("torture: cannot begin: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True: all books balance.
fn torture(args: &args::Args) -> io::Result<bool> {
    let mut random = Random::new(args.seed);
    verb::panics::expect_deliberate();

    let listener = TcpListener::bind("127.0.0.1:0").wait()?;
    let address = listener.local_addr()?;
    let world = world::make(args.duration, Foreign::new(), address);
    // Whatever is made with the first connection is there now.
    drop(TcpStream::connect(address).wait()?);
    drop(listener.accept().wait()?);
    let before = Standing::at_rest();
    watchdog::start(world, args.seed);

    let server = Server::start(&listener);
    let visitors = Foreign::visit(&mut random);
    let resizer = resizer::start();
    for actor in actor::start(&mut random) {
        actor.join().wait();
    }
    for left in visitors.into_iter().chain(resizer) {
        left.wait();
    }
    // What was forgotten may still connect.
    while books::open_bodies() > Server::BODIES {
        sleep(LOOK).wait();
    }
    server.stop().wait();
    Ok(report::close(before))
}
