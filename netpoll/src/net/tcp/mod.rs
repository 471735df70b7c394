//! TCP.
//!
//! # Two faces
//!
//! A [`TcpStream`] has no `read` and no `write` of its own. What these mean is decided by what is imported:
//!
//! | imported | `stream.read(&mut buf)` |
//! |---|---|
//! | `std::io::{Read, Write}` | returns `io::Result<usize>`, parks the goroutine |
//! | `gort::io::{AsyncReadExt, AsyncWriteExt}` (tokio's names) | a future |
//! | `futures_util::{AsyncReadExt, AsyncWriteExt}` | a future |
//!
//! The same goes for `shutdown`: with `AsyncWriteExt` it is tokio's `shutdown().await`, without it is std's
//! [`shutdown(Shutdown)`](TcpShared::shutdown), which a stream inherits from [`TcpShared`].
//!
//! Both faces may be used on one stream, also at once: waiters are served in order of arrival.

mod faces;
mod into_split;
mod listener;
mod split;
mod stream;

pub use into_split::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use listener::{Incoming, TcpListener};
pub use split::{ReadHalf, WriteHalf};
pub use stream::{TcpShared, TcpStream};
