//! The servers: the same program on each runtime, with each way to tell it of code that blocks or computes. A connection
//! is a task or a goroutine that answers a request before it reads the next one.

mod gort;
mod peers;
mod tokio;

use std::io;

use crate::trouble::Trouble;

const ANY_PORT: &str = "127.0.0.1:0";

/// A request, and its reply: the number of the request, with [`MISBEHAVE`] in it or not.
pub(crate) type Message = [u8; 8];

/// The bit of a request's number that makes its handler misbehave.
pub(crate) const MISBEHAVE: u64 = 1 << 63;

/// What the request says is to be done.
fn trouble_of(request: Message, trouble: Trouble) -> Trouble {
    if u64::from_le_bytes(request) & MISBEHAVE == 0 {
        Trouble::None
    } else {
        trouble
    }
}

/// A runtime, and how its handlers misbehave.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What runs a server.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// This program.
    Own(fn(Trouble) -> io::Result<()>),
    Go,
}

pub(crate) const TOKIO_IN_PLACE: &str = "tokio block_in_place";
pub(crate) const TOKIO_SPAWN: &str = "tokio spawn_blocking";
pub(crate) const GORT_TASKS: &str = "gort tasks";
pub(crate) const GORT_IN_PLACE: &str = "gort tasks block_in_place";
pub(crate) const GORT_SPAWN: &str = "gort tasks spawn_blocking";
pub(crate) const GORT_BLOCKING: &str = "gort goroutines blocking";

/// Those that are compared stand side by side: they run one right after the other.
pub(crate) const ALL: [Server; 11] = [
    own(GORT_TASKS, gort::tasks),
    own("tokio", tokio::plain),
    own(GORT_IN_PLACE, gort::tasks_in_place),
    own(TOKIO_IN_PLACE, tokio::in_place),
    own(GORT_SPAWN, gort::tasks_spawn_blocking),
    own(TOKIO_SPAWN, tokio::spawn_blocking),
    own(GORT_BLOCKING, gort::goroutines_blocking),
    own("gort goroutines", gort::goroutines),
    own("smol", peers::smol),
    own("may", peers::may),
    Server {
        name: "go",
        kind: Kind::Go,
    },
];

const fn own(name: &'static str, serve: fn(Trouble) -> io::Result<()>) -> Server {
    Server {
        name,
        kind: Kind::Own(serve),
    }
}

/// What a child does.
///
/// # Errors
/// If there is no such server, or it fails.
pub(crate) fn serve(name: &str, trouble: Trouble) -> Result<(), String> {
    let server = ALL.iter().find(|server| server.name == name);
    match server.map(|server| server.kind) {
        Some(Kind::Own(serve)) => serve(trouble).map_err(|error| error.to_string()),
        _ => Err(format!("no server {name}")),
    }
}
