//! Asynchronous reading and writing: futures-io's traits, and extension traits with tokio's names over them.
//!
//! Any futures-io reader or writer gets `read`, `write_all` and so on as futures by importing
//! [`AsyncReadExt`] and [`AsyncWriteExt`]. `futures_util`'s traits of the same name work as well; import one
//! or the other. Blocking code imports `std::io::{Read, Write}` instead. Nothing here knows of sockets or of
//! the scheduler.

mod read;
mod write;

pub use futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};

pub use read::{AsyncReadExt, Read, ReadExact, ReadToEnd, ReadToString, ReadVectored};
pub use write::{AsyncWriteExt, Flush, Shutdown, Write, WriteAll, WriteVectored};
