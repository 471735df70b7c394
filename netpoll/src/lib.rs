//! gort's network poller and sockets.
//!
//! [`net`] has the socket types, each with two faces: `async fn`s, and `std::io::{Read, Write}` that park the
//! goroutine. [`io`] has the extension traits that give `AsyncRead` and `AsyncWrite` their `read` and
//! `write_all`. [`NetPoll`] is how all of it reaches the scheduler: it implements runtime-core's `Poller`
//! with mio, and installs itself when the first socket is made.
//!
//! Layers, each of which calls only those to its left: `desc -> poll -> registration, op -> socket -> net`;
//! `io` stands alone. The protocol of readiness and waiters is proved in `netpoll/README.md`.

// See runtime-core.
#![cfg(not(loom))]

mod desc;
pub mod io;
pub mod net;
mod op;
mod poll;
mod registration;
mod socket;
mod sync;

pub use poll::NetPoll;
