//! The load: one thread, one poller, so many connections, each with one request under way at any time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use polling::{Event, Events, PollMode, Poller};

/// A server that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Load {
    poller: Poller,
    events: Events,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    reply: Vec<u8>,
    /// How much of the reply is there.
    filled: usize,
}

impl Load {
    /// Connects, and sends the first requests.
    pub(crate) fn connect(address: SocketAddr, connections: usize, request: usize) -> io::Result<Load> {
        let poller = Poller::new()?;
        let mut all = Vec::with_capacity(connections);
        for key in 0..connections {
            let stream = TcpStream::connect(address)?;
            stream.set_nonblocking(true)?;
            // SAFETY: `Drop` takes every stream out of the poller before it is closed.
            unsafe { poller.add_with_mode(&stream, Event::readable(key), PollMode::Level)? };
            let request: Vec<u8> = (0..request).map(|i| (i + key) as u8).collect();
            all.push(Connection {
                stream,
                reply: vec![0; request.len()],
                request,
                filled: 0,
            });
        }
        for connection in &mut all {
            connection.send()?;
        }
        Ok(Load {
            poller,
            events: Events::new(),
            connections: all,
        })
    }

    /// Keeps the server busy for `duration`, and for a reply a connection at least; says how many replies came.
    ///
    /// # Errors
    /// If the server closes a connection, sends back what was not sent, or falls silent.
    pub(crate) fn drive(&mut self, duration: Duration) -> io::Result<u64> {
        let start = Instant::now();
        let mut replies = 0;
        while start.elapsed() < duration || replies < self.connections.len() as u64 {
            self.events.clear();
            self.poller.wait(&mut self.events, Some(PATIENCE))?;
            if self.events.is_empty() {
                return Err(io::Error::new(ErrorKind::TimedOut, "the server does not answer"));
            }
            for event in self.events.iter() {
                replies += u64::from(self.connections[event.key].receive()?);
            }
        }
        Ok(replies)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for connection in &self.connections {
            // It can only fail if the stream is not in there.
            let _ = self.poller.delete(&connection.stream);
        }
    }
}

impl Connection {
    fn send(&mut self) -> io::Result<()> {
        // The socket's buffer is empty and larger than a request: this does not block.
        self.stream.write_all(&self.request)
    }

    /// Reads what has come. True: the reply is complete, and the next request has been sent.
    fn receive(&mut self) -> io::Result<bool> {
        match self.stream.read(&mut self.reply[self.filled..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => self.filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        if self.filled < self.reply.len() {
            return Ok(false);
        }
        if self.reply != self.request {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "a reply is not what was sent",
            ));
        }
        self.filled = 0;
        self.send()?;
        Ok(true)
    }
}
