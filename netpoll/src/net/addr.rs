//! From what a user calls an address to socket addresses.
//!
//! `bind` and `connect` use it. A name is resolved on the spot, by the C library, and blocks the calling
//! thread.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// All addresses of `addr`, in order.
pub(crate) fn resolve(addr: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    Ok(addr.to_socket_addrs()?.collect())
}

/// There was no address to try.
pub(crate) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any address")
}
