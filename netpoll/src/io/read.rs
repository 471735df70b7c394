//! [`AsyncReadExt`] and its futures.

use std::io::{self, ErrorKind, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

/// What `read_to_end` makes room for at a time, at least.
const GROW: usize = 32;
/// What `read_to_end` asks for at a time, at most: the room it reads into is zeroed first.
const CHUNK: usize = 64 * 1024;

/// `read` and its like for every [`AsyncRead`], named as in tokio.
///
/// ```
/// use gort::io::AsyncReadExt;
///
/// # fn main() -> std::io::Result<()> {
/// let mut reader: &[u8] = b"in pieces";
/// let mut two = [0; 2];
/// let mut rest = String::new();
/// gort::block_on(async {
///     reader.read_exact(&mut two).await?;
///     reader.read_to_string(&mut rest).await
/// })?;
/// assert_eq!((&two, rest.as_str()), (b"in", " pieces"));
/// # Ok(())
/// # }
/// ```
pub trait AsyncReadExt: AsyncRead {
    /// Reads something into `buf` and says how much. 0 is the end, unless `buf` is empty.
    ///
    /// # Errors
    /// Those of the reader.
    ///
    /// # Cancel safety
    /// Nothing is read if the future is dropped.
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read { reader: self, buf }
    }

    /// As `read`, into several buffers, one after the other.
    ///
    /// # Errors
    /// Those of the reader.
    ///
    /// # Cancel safety
    /// Nothing is read if the future is dropped.
    fn read_vectored<'a, 'b>(&'a mut self, bufs: &'a mut [IoSliceMut<'b>]) -> ReadVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        ReadVectored { reader: self, bufs }
    }

    /// Fills `buf` and returns its length.
    ///
    /// # Errors
    /// `UnexpectedEof` if the end comes first, and those of the reader. What `buf` holds then is unspecified.
    ///
    /// # Cancel safety
    /// What was read is lost if the future is dropped.
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact {
            reader: self,
            buf,
            filled: 0,
        }
    }

    /// Appends everything up to the end to `buf` and says how much that was.
    ///
    /// # Errors
    /// Those of the reader. What was read before is in `buf`.
    ///
    /// # Cancel safety
    /// What was read is in `buf` if the future is dropped.
    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd {
            reader: self,
            buf,
            read: 0,
        }
    }

    /// Appends everything up to the end to `buf` and says how much that was.
    ///
    /// # Errors
    /// `InvalidData` if it is not UTF-8, and those of the reader; `buf` is as it was then.
    ///
    /// # Cancel safety
    /// What was read is lost if the future is dropped.
    fn read_to_string<'a>(&'a mut self, buf: &'a mut String) -> ReadToString<'a, Self>
    where
        Self: Unpin,
    {
        ReadToString {
            reader: self,
            buf,
            bytes: Vec::new(),
        }
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}

/// See [`AsyncReadExt::read`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Read<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
}

impl<R: AsyncRead + Unpin + ?Sized> Future for Read<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        Pin::new(&mut *this.reader).poll_read(cx, this.buf)
    }
}

/// See [`AsyncReadExt::read_vectored`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct ReadVectored<'a, 'b, R: ?Sized> {
    reader: &'a mut R,
    bufs: &'a mut [IoSliceMut<'b>],
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadVectored<'_, '_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        Pin::new(&mut *this.reader).poll_read_vectored(cx, this.bufs)
    }
}

/// See [`AsyncReadExt::read_exact`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct ReadExact<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
    filled: usize,
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadExact<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while this.filled < this.buf.len() {
            match ready!(Pin::new(&mut *this.reader).poll_read(cx, &mut this.buf[this.filled..]))? {
                0 => return Poll::Ready(Err(ErrorKind::UnexpectedEof.into())),
                read => this.filled += read,
            }
        }
        Poll::Ready(Ok(this.filled))
    }
}

/// See [`AsyncReadExt::read_to_end`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct ReadToEnd<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut Vec<u8>,
    read: usize,
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToEnd<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        poll_to_end(Pin::new(&mut *this.reader), cx, this.buf, &mut this.read)
    }
}

fn poll_to_end<R: AsyncRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut Vec<u8>,
    total: &mut usize,
) -> Poll<io::Result<usize>> {
    loop {
        let len = buf.len();
        if buf.capacity() == len {
            buf.reserve(GROW);
        }
        buf.resize(buf.capacity().min(len + CHUNK), 0);
        let polled = reader.as_mut().poll_read(cx, &mut buf[len..]);
        let read = match &polled {
            Poll::Ready(Ok(read)) => *read,
            _ => 0,
        };
        buf.truncate(len + read);
        match ready!(polled)? {
            0 => return Poll::Ready(Ok(*total)),
            read => *total += read,
        }
    }
}

/// See [`AsyncReadExt::read_to_string`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct ReadToString<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut String,
    bytes: Vec<u8>,
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToString<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        ready!(poll_to_end(
            Pin::new(&mut *this.reader),
            cx,
            &mut this.bytes,
            &mut 0
        ))?;
        let Ok(text) = str::from_utf8(&this.bytes) else {
            return Poll::Ready(Err(io::Error::new(
                ErrorKind::InvalidData,
                "stream did not contain valid UTF-8",
            )));
        };
        this.buf.push_str(text);
        Poll::Ready(Ok(text.len()))
    }
}
