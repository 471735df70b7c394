//! How a [`TcpStream`]'s bytes are moved: std's traits, which park the goroutine, futures-io's traits, and
//! the inherent `try_*` and `peek`. Each for the stream and for a reference to it.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use gort_runtime_core::WaitReason;

use super::TcpStream;
use crate::op::Attempt;
use crate::registration::Direction;

type Source = mio::net::TcpStream;

/// How many buffers one system call takes (`IOV_MAX`). std passes on no more.
const MAX_BUFS: usize = libc::UIO_MAXIOV as usize;

/// What a call with `bufs` asks for. Of what lies in buffers that the call leaves out, it proves nothing.
fn len(bufs: &[impl Deref<Target = [u8]>]) -> usize {
    bufs.iter().take(MAX_BUFS).map(|buf| buf.len()).sum()
}

/// The three ways to move at most `asked` bytes in `direction`. Who asks for nothing gets it at once.
impl TcpStream {
    #[track_caller]
    fn park_in(
        &self,
        direction: Direction,
        asked: usize,
        mut call: impl FnMut(&Source) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if asked == 0 {
            return Ok(0);
        }
        let reason = direction.reason();
        self.shared.socket.io_blocking(direction, reason, |source| {
            Attempt::stream(asked, || call(source))
        })
    }

    fn poll_in(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        asked: usize,
        mut call: impl FnMut(&Source) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if asked == 0 {
            return Poll::Ready(Ok(0));
        }
        self.shared
            .socket
            .poll_io(direction, direction.reason(), cx, |source| {
                Attempt::stream(asked, || call(source))
            })
    }

    fn try_in(
        &self,
        direction: Direction,
        asked: usize,
        mut call: impl FnMut(&Source) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if asked == 0 {
            return Ok(0);
        }
        self.shared
            .socket
            .try_io(direction, |source| Attempt::stream(asked, || call(source)))
    }
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
            .io(Direction::Read, WaitReason::IoRead, |stream| {
                Attempt::whole(|| stream.peek(buf))
            })
            .await
    }

    /// Reads if that does not wait.
    ///
    /// # Errors
    /// `WouldBlock` if it would wait, else those of recv(2).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_in(Direction::Read, buf.len(), |mut source| source.read(buf))
    }

    /// Reads into several buffers if that does not wait.
    ///
    /// # Errors
    /// `WouldBlock` if it would wait, else those of readv(2).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.try_in(Direction::Read, len(bufs), |mut source| {
            source.read_vectored(bufs)
        })
    }

    /// Writes if that does not wait.
    ///
    /// # Errors
    /// `WouldBlock` if it would wait, else those of send(2).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.try_in(Direction::Write, buf.len(), |mut source| source.write(buf))
    }

    /// Writes from several buffers if that does not wait.
    ///
    /// # Errors
    /// `WouldBlock` if it would wait, else those of writev(2).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_in(Direction::Write, len(bufs), |mut source| {
            source.write_vectored(bufs)
        })
    }
}

/// Parks the goroutine until there is something to read. On a thread that is not gort's it blocks the thread.
impl Read for &TcpStream {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.park_in(Direction::Read, buf.len(), |mut source| source.read(buf))
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.park_in(Direction::Read, len(bufs), |mut source| {
            source.read_vectored(bufs)
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
        self.park_in(Direction::Write, buf.len(), |mut source| source.write(buf))
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.park_in(Direction::Write, len(bufs), |mut source| {
            source.write_vectored(bufs)
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
        self.poll_in(cx, Direction::Read, buf.len(), |mut source| source.read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_in(cx, Direction::Read, len(bufs), |mut source| {
            source.read_vectored(bufs)
        })
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

/// Any number of tasks may poll one stream; whatever happens wakes all of them. Closing shuts down the
/// writing side.
impl AsyncWrite for &TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_in(cx, Direction::Write, buf.len(), |mut source| source.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_in(cx, Direction::Write, len(bufs), |mut source| {
            source.write_vectored(bufs)
        })
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
