//! Sockets. Where tokio has a method its name and its arguments are the same, so that a port is a `use`
//! change; `std::io::{Read, Write}` are there too, and park the goroutine.

mod addr;
pub mod tcp;

pub use std::net::{Shutdown, ToSocketAddrs};

pub use tcp::{TcpListener, TcpStream};
