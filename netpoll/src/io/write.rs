//! [`AsyncWriteExt`] and its futures.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncWrite;

/// `write` and its like for every [`AsyncWrite`], named as in tokio.
///
/// ```
/// use gort::io::AsyncWriteExt;
///
/// # fn main() -> std::io::Result<()> {
/// let mut out = Vec::new();
/// gort::block_on(async {
///     out.write_all(b"all of it").await?;
///     out.shutdown().await
/// })?;
/// assert_eq!(out, b"all of it");
/// # Ok(())
/// # }
/// ```
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes some of `buf` and says how much.
    ///
    /// # Errors
    /// Those of the writer.
    ///
    /// # Cancel safety
    /// Nothing is written if the future is dropped.
    fn write<'a>(&'a mut self, buf: &'a [u8]) -> Write<'a, Self>
    where
        Self: Unpin,
    {
        Write { writer: self, buf }
    }

    /// As `write`, from several buffers, one after the other.
    ///
    /// # Errors
    /// Those of the writer.
    ///
    /// # Cancel safety
    /// Nothing is written if the future is dropped.
    fn write_vectored<'a, 'b>(&'a mut self, bufs: &'a [IoSlice<'b>]) -> WriteVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        WriteVectored { writer: self, bufs }
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    /// `WriteZero` if the writer takes nothing any more, and those of the writer. How much was written is
    /// unknown then.
    ///
    /// # Cancel safety
    /// How much was written is unknown if the future is dropped.
    fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> WriteAll<'a, Self>
    where
        Self: Unpin,
    {
        WriteAll {
            writer: self,
            rest: buf,
        }
    }

    /// Sends on what the writer may have kept back.
    ///
    /// # Errors
    /// Those of the writer.
    ///
    /// # Cancel safety
    /// It can be called again if the future is dropped.
    fn flush(&mut self) -> Flush<'_, Self>
    where
        Self: Unpin,
    {
        Flush { writer: self }
    }

    /// Flushes and ends the stream: the reader at the other end sees its end. futures-io calls it `close`.
    ///
    /// # Errors
    /// Those of the writer.
    ///
    /// # Cancel safety
    /// It can be called again if the future is dropped.
    fn shutdown(&mut self) -> Shutdown<'_, Self>
    where
        Self: Unpin,
    {
        Shutdown { writer: self }
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}

/// See [`AsyncWriteExt::write`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Write<'a, W: ?Sized> {
    writer: &'a mut W,
    buf: &'a [u8],
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Write<'_, W> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        Pin::new(&mut *this.writer).poll_write(cx, this.buf)
    }
}

/// See [`AsyncWriteExt::write_vectored`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct WriteVectored<'a, 'b, W: ?Sized> {
    writer: &'a mut W,
    bufs: &'a [IoSlice<'b>],
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteVectored<'_, '_, W> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        Pin::new(&mut *this.writer).poll_write_vectored(cx, this.bufs)
    }
}

/// See [`AsyncWriteExt::write_all`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct WriteAll<'a, W: ?Sized> {
    writer: &'a mut W,
    rest: &'a [u8],
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteAll<'_, W> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while !this.rest.is_empty() {
            match ready!(Pin::new(&mut *this.writer).poll_write(cx, this.rest))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                written => this.rest = &this.rest[written..],
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// See [`AsyncWriteExt::flush`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Flush<'a, W: ?Sized> {
    writer: &'a mut W,
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Flush<'_, W> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.writer).poll_flush(cx)
    }
}

/// See [`AsyncWriteExt::shutdown`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Shutdown<'a, W: ?Sized> {
    writer: &'a mut W,
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Shutdown<'_, W> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.writer).poll_close(cx)
    }
}
