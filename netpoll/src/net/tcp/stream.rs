//! [`TcpStream`]: making one, and what concerns the connection rather than its bytes ([`faces`](super::faces)
//! has those).

use std::io;
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use gort_runtime_core::WaitReason;
use mio::Interest;

use super::into_split::{OwnedReadHalf, OwnedWriteHalf};
use super::split::{ReadHalf, WriteHalf};
use crate::net::addr::{no_address, resolve};
use crate::op::Attempt;
use crate::registration::{Direction, Start};
use crate::socket::Socket;

/// A TCP connection.
///
/// [The module](super) says how its two faces fit together. Dropping the last handle closes the connection.
///
/// ```
/// use gort::io::{AsyncReadExt, AsyncWriteExt};
/// use gort::net::{TcpListener, TcpStream};
///
/// #[gort::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
///     let (mut server, _) = listener.accept().await?;
///
///     client.write_all(b"hello").await?;
///     client.shutdown().await?;
///     let mut all = Vec::new();
///     server.read_to_end(&mut all).await?;
///     assert_eq!(all, b"hello");
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct TcpStream {
    pub(super) shared: Arc<TcpShared>,
}

/// What the handles of one connection share. A [`TcpStream`] dereferences to it.
///
/// It has what std offers on a stream under a name that tokio's `AsyncWriteExt` uses otherwise: with that
/// trait in scope `stream.shutdown()` is tokio's, without it is std's.
#[derive(Debug)]
pub struct TcpShared {
    pub(super) socket: Socket<mio::net::TcpStream>,
}

impl TcpShared {
    /// Shuts down the reading side, the writing side or both. Whoever waits for one of them is woken.
    ///
    /// # Errors
    /// Those of shutdown(2), for instance when it is not connected any more.
    ///
    /// ```
    /// # #[gort::main]
    /// # async fn main() -> std::io::Result<()> {
    /// use std::io::{Read, Write};
    /// use std::net::Shutdown;
    /// # let listener = gort::net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = gort::net::TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    ///
    /// client.write_all(b"bye")?;
    /// client.shutdown(Shutdown::Write)?;
    /// let mut all = String::new();
    /// server.read_to_string(&mut all)?;
    /// assert_eq!(all, "bye");
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.source().shutdown(how)
    }
}

impl Deref for TcpStream {
    type Target = TcpShared;

    fn deref(&self) -> &TcpShared {
        &self.shared
    }
}

impl TcpStream {
    /// Connects to the first of `addr`'s addresses that answers.
    ///
    /// A host name is resolved on the calling thread, which blocks meanwhile; an address costs nothing.
    ///
    /// # Errors
    /// If `addr` is no address, or none of its addresses answers: that of the last one, for instance
    /// `ConnectionRefused`.
    ///
    /// # Cancel safety
    /// If the future is dropped the connection that is being made is given up.
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<TcpStream> {
        let mut failed = no_address();
        for addr in resolve(addr)? {
            match TcpStream::connect_addr(addr).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn connect_addr(addr: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::from_mio(mio::net::TcpStream::connect(addr)?, Start::Connecting)?;
        let socket = &stream.shared.socket;
        socket
            .io(Direction::Write, WaitReason::Connect, connected)
            .await?;
        Ok(stream)
    }

    pub(crate) fn from_mio(source: mio::net::TcpStream, start: Start) -> io::Result<TcpStream> {
        // PRIORITY: after urgent data a short read does not mean that nothing is left.
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        let shared = TcpShared {
            socket: Socket::new(source, interest, start)?,
        };
        Ok(TcpStream {
            shared: Arc::new(shared),
        })
    }

    /// Takes over a connected socket of std's, which becomes non-blocking.
    ///
    /// # Errors
    /// If the system refuses to make it non-blocking or to watch it.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        TcpStream::from_mio(mio::net::TcpStream::from_std(stream), Start::Ready)
    }

    /// Gives up the socket, which stays non-blocking. If there are other handles to it (`try_clone`, an owned
    /// half) they keep theirs and this is a duplicate.
    ///
    /// # Errors
    /// If it must be duplicated and no fd is left.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => Ok(shared.socket.into_source().into()),
            Err(shared) => Ok(shared.socket.source().as_fd().try_clone_to_owned()?.into()),
        }
    }

    /// Another handle to the same connection. It never fails; `io::Result` is std's signature.
    ///
    /// # Errors
    /// None.
    ///
    /// ```
    /// # #[gort::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let listener = gort::net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let client = gort::net::TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut stream, _) = listener.accept().await?;
    /// # drop(client);
    /// let mut copy = stream.try_clone()?;
    /// let echoed = gort::go(move || std::io::copy(&mut stream, &mut copy));
    /// # drop(echoed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        Ok(TcpStream {
            shared: self.shared.clone(),
        })
    }

    /// Splits into a half that reads and a half that writes, for use in one task. Costs nothing.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf { stream: self }, WriteHalf { stream: self })
    }

    /// Splits into a half that reads and a half that writes, each of which can go its own way. Dropping the
    /// writing half shuts down the writing side.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let read = TcpStream {
            shared: self.shared.clone(),
        };
        (
            OwnedReadHalf { stream: read },
            OwnedWriteHalf {
                stream: self,
                shut_down_on_drop: true,
            },
        )
    }

    /// Waits until reading is worth a try: there is something to read, or the end, or an error.
    /// [`try_read`](Self::try_read) may still say `WouldBlock`; then wait again.
    ///
    /// # Errors
    /// None; `io::Result` is tokio's signature.
    ///
    /// # Cancel safety
    /// Nothing happens if the future is dropped.
    pub async fn readable(&self) -> io::Result<()> {
        self.shared.socket.ready(Direction::Read).await;
        Ok(())
    }

    /// Waits until writing is worth a try. [`try_write`](Self::try_write) may still say `WouldBlock`.
    ///
    /// # Errors
    /// None; `io::Result` is tokio's signature.
    ///
    /// # Cancel safety
    /// Nothing happens if the future is dropped.
    pub async fn writable(&self) -> io::Result<()> {
        self.shared.socket.ready(Direction::Write).await;
        Ok(())
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// Those of getpeername(2).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.shared.socket.source().peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.shared.socket.source().local_addr()
    }

    /// The error that is pending on the socket, which is cleared.
    ///
    /// # Errors
    /// Those of getsockopt(2).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.shared.socket.source().take_error()
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Those of getsockopt(2).
    pub fn nodelay(&self) -> io::Result<bool> {
        self.shared.socket.source().nodelay()
    }

    /// Says whether small writes are sent at once (`TCP_NODELAY`), rather than gathered for a moment.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.shared.socket.source().set_nodelay(nodelay)
    }

    /// The time to live of packets sent.
    ///
    /// # Errors
    /// Those of getsockopt(2).
    pub fn ttl(&self) -> io::Result<u32> {
        self.shared.socket.source().ttl()
    }

    /// Sets the time to live of packets sent.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.shared.socket.source().set_ttl(ttl)
    }
}

/// Whether a connection that is being made is there. Readiness alone does not say so.
fn connected(stream: &mio::net::TcpStream) -> Attempt<io::Result<()>> {
    match stream.take_error() {
        Ok(Some(error)) | Err(error) => return Attempt::Done(Err(error)),
        Ok(None) => {}
    }
    match stream.peer_addr() {
        Ok(_) => Attempt::Done(Ok(())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Attempt::WouldBlock,
        Err(error) => Attempt::Done(Err(error)),
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.socket.source().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.shared.socket.source().as_raw_fd()
    }
}

impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: std::net::TcpStream) -> io::Result<Self> {
        TcpStream::from_std(stream)
    }
}
