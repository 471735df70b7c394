//! An echo server with several acceptors on one listener. Both faces serve by turns.
//!
//! A connection is a sequence of frames, each a length of four bytes and so many bytes. An empty frame is the end, and
//! is sent back like the others: only then is the connection in the books. A peer that goes before is one that broke
//! off.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::future::{Either, select};
use gort::Wait;
use gort::net::{TcpListener, TcpStream};

use crate::books::{Checksum, ECHOED, SERVED, discrepancy};
use crate::child::{self, Child};
use crate::event::Event;

/// The longest frame.
pub(crate) const LONGEST: usize = 64 << 10;

/// How many tasks, and how many goroutines, accept on the listener.
const ACCEPTORS: usize = 2;

/// Chooses the face that serves a connection.
static NTH: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Server {
    /// Each with what stops it.
    acceptors: Vec<(Event, Child)>,
}

impl Server {
    /// As many it needs for itself.
    pub(crate) const BODIES: u64 = 2 * ACCEPTORS as u64;

    pub(crate) fn start(listener: &TcpListener) -> Server {
        let acceptor = |nth: usize| {
            let stop = Event::new();
            let listener = listener.try_clone().expect("it never fails");
            let body = accept(listener, stop.clone());
            let child = if nth < ACCEPTORS {
                child::task(nth as u64, body)
            } else {
                child::goroutine(nth as u64, || body.wait())
            };
            (stop, child)
        };
        Server {
            acceptors: (0..2 * ACCEPTORS).map(acceptor).collect(),
        }
    }

    /// Nobody may connect any more. What has been accepted is served to its end.
    pub(crate) async fn stop(self) {
        for (stop, acceptor) in self.acceptors {
            stop.set();
            acceptor.join().await;
        }
    }
}

async fn accept(listener: TcpListener, mut stop: Event) {
    loop {
        let next = Box::pin(listener.accept());
        match select(next, &mut stop).await {
            Either::Left((Ok((stream, _)), _)) => serve(stream),
            Either::Left((Err(error), _)) => discrepancy(format_args!("accept: {error}")),
            // The accept is cancelled.
            Either::Right(_) => return,
        }
    }
}

fn serve(stream: TcpStream) {
    let entry = SERVED.open();
    let settle = move |served: io::Result<Checksum>| {
        // An error is a peer that broke off.
        if let Ok(checksum) = served {
            ECHOED.add(&checksum);
            entry.done();
        }
    };
    if NTH.fetch_add(1, Relaxed).is_multiple_of(2) {
        child::task(0, async move { settle(echo(stream).await) }).forget();
    } else {
        child::goroutine(0, move || settle(echo_blocking(&stream))).forget();
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<Checksum> {
    use gort::io::{AsyncReadExt, AsyncWriteExt};

    let mut checksum = Checksum::new();
    let mut frame = vec![0; LONGEST];
    loop {
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let body = body(&mut frame, head);
        stream.read_exact(body).await?;
        checksum.add(body);
        stream.write_all(&head).await?;
        stream.write_all(body).await?;
        if body.is_empty() {
            return Ok(checksum);
        }
    }
}

fn echo_blocking(mut stream: &TcpStream) -> io::Result<Checksum> {
    use std::io::{Read, Write};

    let mut checksum = Checksum::new();
    let mut frame = vec![0; LONGEST];
    loop {
        let mut head = [0; 4];
        stream.read_exact(&mut head)?;
        let body = body(&mut frame, head);
        stream.read_exact(body)?;
        checksum.add(body);
        stream.write_all(&head)?;
        stream.write_all(body)?;
        if body.is_empty() {
            return Ok(checksum);
        }
    }
}

/// The part of `frame` that `head` announces.
pub(crate) fn body(frame: &mut [u8], head: [u8; 4]) -> &mut [u8] {
    let length = u32::from_le_bytes(head) as usize;
    if length > LONGEST {
        discrepancy(format_args!("a frame of {length} bytes has arrived"));
    }
    &mut frame[..length.min(LONGEST)]
}
