//! [`TcpListener`], which users call; it makes system calls through its [`Socket`] only.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll};

use gort_runtime_core::WaitReason;
use mio::Interest;
use socket2::{Domain, Protocol, Type};

use super::TcpStream;
use crate::net::addr::{no_address, resolve};
use crate::op::Attempt;
use crate::registration::{Direction, Start};
use crate::socket::Socket;

/// Connections that may wait to be accepted. The kernel caps it at `net.core.somaxconn`, whose default is the
/// same.
const BACKLOG: i32 = 4096;

/// A TCP socket that listens for connections.
///
/// Any number of tasks and goroutines may accept on one listener; a connection wakes one of them, first come,
/// first served.
///
/// ```
/// use gort::net::{TcpListener, TcpStream};
///
/// #[gort::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (_server, from) = listener.accept().await?;
///     assert_eq!(from, client.local_addr()?);
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct TcpListener {
    socket: Arc<Socket<mio::net::TcpListener>>,
}

impl TcpListener {
    /// Listens on the first of `addr`'s addresses that can be bound, with `SO_REUSEADDR`.
    ///
    /// A host name is resolved on the calling thread, which blocks meanwhile; an address costs nothing.
    ///
    /// # Errors
    /// If `addr` is no address, or none of its addresses can be bound: that of the last one, for instance
    /// `AddrInUse`.
    ///
    /// # Cancel safety
    /// It never waits.
    ///
    /// ```
    /// # #[gort::main]
    /// # async fn main() -> std::io::Result<()> {
    /// use gort::net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let taken = TcpListener::bind(listener.local_addr()?).await;
    /// assert_eq!(taken.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
        let mut failed = no_address();
        for addr in resolve(addr)? {
            match TcpListener::bind_addr(addr) {
                Ok(listener) => return Ok(listener),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn bind_addr(addr: SocketAddr) -> io::Result<TcpListener> {
        let socket = socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    }

    /// Takes over a listening socket of std's, which becomes non-blocking.
    ///
    /// # Errors
    /// If the system refuses to make it non-blocking or to watch it.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        let source = mio::net::TcpListener::from_std(listener);
        let socket = Socket::new(source, Interest::READABLE, Start::Ready)?;
        Ok(TcpListener {
            socket: Arc::new(socket),
        })
    }

    /// Gives up the socket, which stays non-blocking. If there are other handles to it (`try_clone`) they
    /// keep theirs and this is a duplicate.
    ///
    /// # Errors
    /// If it must be duplicated and no fd is left.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        match Arc::try_unwrap(self.socket) {
            Ok(socket) => Ok(socket.into_source().into()),
            Err(shared) => Ok(shared.source().as_fd().try_clone_to_owned()?.into()),
        }
    }

    /// Another handle to the same socket. It never fails; `io::Result` is std's signature.
    ///
    /// # Errors
    /// None.
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        Ok(TcpListener {
            socket: self.socket.clone(),
        })
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// Those of accept(2), for instance when no fd is left; the listener stays usable.
    ///
    /// # Cancel safety
    /// No connection is lost when the future is dropped: it goes to who accepts next.
    ///
    /// ```
    /// use gort::Wait;
    /// use gort::net::{TcpListener, TcpStream};
    ///
    /// // From code that is not async:
    /// let listener = TcpListener::bind("127.0.0.1:0").wait()?;
    /// let addr = listener.local_addr()?;
    /// let client = gort::go(move || TcpStream::connect(addr).wait());
    /// let (stream, from) = listener.accept().wait()?;
    /// assert_eq!(stream.peer_addr()?, from);
    /// # drop(client);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.socket.io(Direction::Read, WaitReason::Accept, accept).await
    }

    /// As [`accept`](Self::accept), for who writes a `poll`.
    ///
    /// # Errors
    /// As `accept`.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.socket
            .poll_io(Direction::Read, WaitReason::Accept, cx, accept)
    }

    /// The connections as they come, for blocking code: `next` parks the goroutine and never returns `None`.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address it is bound to, with the port that the system chose if it was asked to.
    ///
    /// # Errors
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.source().local_addr()
    }

    /// The time to live of packets sent.
    ///
    /// # Errors
    /// Those of getsockopt(2).
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.source().ttl()
    }

    /// Sets the time to live of packets sent.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.source().set_ttl(ttl)
    }
}

fn accept(listener: &mio::net::TcpListener) -> Attempt<io::Result<(TcpStream, SocketAddr)>> {
    Attempt::whole(|| {
        let (stream, addr) = listener.accept()?;
        Ok((TcpStream::from_mio(stream, Start::Ready)?, addr))
    })
}

/// See [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    #[track_caller]
    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        let accepted = self
            .listener
            .socket
            .io_blocking(Direction::Read, WaitReason::Accept, accept);
        Some(accepted.map(|(stream, _)| stream))
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.source().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.source().as_raw_fd()
    }
}

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: std::net::TcpListener) -> io::Result<Self> {
        TcpListener::from_std(listener)
    }
}
