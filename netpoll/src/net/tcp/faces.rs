//! How a [`TcpStream`]'s bytes are moved: std's traits, which park the goroutine, futures-io's traits, and the
//! inherent `try_*` and `peek`. Each for the stream and for a reference to it.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::TcpStream;
use crate::op::Attempt;
use crate::registration::Direction;
use crate::shim::WaitReason;

type Moved = Attempt<io::Result<usize>>;

fn read(mut stream: &mio::net::TcpStream, buf: &mut [u8]) -> Moved {
    Attempt::stream(buf.len(), || stream.read(buf))
}

fn read_vectored(mut stream: &mio::net::TcpStream, bufs: &mut [IoSliceMut<'_>]) -> Moved {
    let asked = bufs.iter().map(|buf| buf.len()).sum();
    Attempt::stream(asked, || stream.read_vectored(bufs))
}

fn write(mut stream: &mio::net::TcpStream, buf: &[u8]) -> Moved {
    Attempt::stream(buf.len(), || stream.write(buf))
}

fn write_vectored(mut stream: &mio::net::TcpStream, bufs: &[IoSlice<'_>]) -> Moved {
    let asked = bufs.iter().map(|buf| buf.len()).sum();
    Attempt::stream(asked, || stream.write_vectored(bufs))
}

impl TcpStream {
    /// Reads what is there without taking it away; waits until something is. 0 is the end.
    ///
    /// # Errors
    /// Those of recv(2).
    ///
    /// # Cancel safety
    /// Nothing is read if the future is dropped.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.shared
            .socket
            .io(Direction::Read, |stream| Attempt::whole(|| stream.peek(buf)))
            .await
    }

    /// Reads if that does not wait.
    ///
    /// # Errors
    /// `WouldBlock` if it would wait, else those of recv(2).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.shared
            .socket
            .try_io(Direction::Read, |stream| read(stream, buf))
    }

    /// Reads into several buffers if that does not wait.
    ///
    /// # Errors
    /// `WouldBlock` if it would wait, else those of readv(2).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.shared
            .socket
            .try_io(Direction::Read, |stream| read_vectored(stream, bufs))
    }

    /// Writes if that does not wait.
    ///
    /// # Errors
    /// `WouldBlock` if it would wait, else those of send(2).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.shared
            .socket
            .try_io(Direction::Write, |stream| write(stream, buf))
    }

    /// Writes from several buffers if that does not wait.
    ///
    /// # Errors
    /// `WouldBlock` if it would wait, else those of writev(2).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.shared
            .socket
            .try_io(Direction::Write, |stream| write_vectored(stream, bufs))
    }
}

/// Parks the goroutine until there is something to read. On a thread that is not gort's it blocks the thread.
impl Read for &TcpStream {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.shared
            .socket
            .io_blocking(Direction::Read, WaitReason::IoRead, |stream| read(stream, buf))
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let socket = &self.shared.socket;
        socket.io_blocking(Direction::Read, WaitReason::IoRead, |stream| {
            read_vectored(stream, bufs)
        })
    }
}

/// As for `&TcpStream`.
impl Read for TcpStream {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

/// Parks the goroutine until there is room to write. On a thread that is not gort's it blocks the thread.
impl Write for &TcpStream {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.shared
            .socket
            .io_blocking(Direction::Write, WaitReason::IoWrite, |stream| write(stream, buf))
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let socket = &self.shared.socket;
        socket.io_blocking(Direction::Write, WaitReason::IoWrite, |stream| {
            write_vectored(stream, bufs)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As for `&TcpStream`.
impl Write for TcpStream {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Any number of tasks may poll one stream; whatever happens wakes all of them.
impl AsyncRead for &TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.shared
            .socket
            .poll_io(Direction::Read, cx, |stream| read(stream, buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.shared
            .socket
            .poll_io(Direction::Read, cx, |stream| read_vectored(stream, bufs))
    }
}

/// As for `&TcpStream`.
impl AsyncRead for TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read_vectored(cx, bufs)
    }
}

/// Any number of tasks may poll one stream; whatever happens wakes all of them. Closing shuts down the writing side.
impl AsyncWrite for &TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.shared
            .socket
            .poll_io(Direction::Write, cx, |stream| write(stream, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.shared
            .socket
            .poll_io(Direction::Write, cx, |stream| write_vectored(stream, bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.shared.shutdown(Shutdown::Write) {
            // The peer was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            shut => shut,
        })
    }
}

/// As for `&TcpStream`.
impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(cx)
    }
}
