//! Binding, connecting, accepting.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

use common::{block_on, block_on_unless, listen, pair, poll_once};
use gort_netpoll::net::{TcpListener, TcpStream};

/// A port of `ip` at which nobody listens. No other test has this address, so none is given the port meanwhile.
fn nobody_at(ip: [u8; 4]) -> SocketAddr {
    let listener = block_on(TcpListener::bind(SocketAddr::from((ip, 0)))).unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn refused_and_no_address() {
    let addr = nobody_at([127, 0, 2, 1]);
    assert_eq!(
        block_on(TcpStream::connect(addr)).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    let none: &[SocketAddr] = &[];
    assert_eq!(
        block_on(TcpStream::connect(none)).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(
        block_on(TcpListener::bind(none)).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(
        block_on(TcpListener::bind("not an address")).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn every_address_is_tried() {
    let dead = nobody_at([127, 0, 2, 2]);
    let live = listen();
    let addrs = [dead, live.local_addr().unwrap()];
    let stream = block_on(TcpStream::connect(&addrs[..])).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), live.local_addr().unwrap());
    let free = block_on(TcpListener::bind(&[live.local_addr().unwrap(), dead][..])).unwrap();
    assert_eq!(free.local_addr().unwrap(), dead);
}

#[test]
fn an_address_in_use_and_one_that_was() {
    let (client, server) = pair();
    let listener = listen();
    let addr = listener.local_addr().unwrap();
    assert_eq!(
        block_on(TcpListener::bind(addr)).unwrap_err().kind(),
        ErrorKind::AddrInUse
    );
    drop((client, server, listener));
    assert_eq!(
        block_on(TcpListener::bind(addr)).unwrap().local_addr().unwrap(),
        addr
    );
}

#[test]
fn a_connection_that_is_given_up_is_closed() {
    let listener = listen();
    let addr = listener.local_addr().unwrap();
    let mut connecting = Box::pin(TcpStream::connect(addr));
    let polled = poll_once(&mut connecting);
    drop(connecting);
    drop(polled);
    let (mut accepted, _) = block_on(listener.accept()).unwrap();
    let gone = match accepted.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    assert!(gone);
}

#[test]
fn std_sockets_go_in_and_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::try_from(listener).unwrap();
    let addr = listener.local_addr().unwrap();
    let client = std::net::TcpStream::connect(addr).unwrap();
    let mut client = TcpStream::try_from(client).unwrap();
    let mut server = listener.incoming().next().unwrap().unwrap();
    client.write_all(b"in").unwrap();
    let mut buf = [0; 2];
    server.read_exact(&mut buf).unwrap();

    // The only handle: the fd itself. A shared one: a duplicate, and the other handle goes on.
    let keep = server.try_clone().unwrap();
    let mut duplicate = server.into_std().unwrap();
    duplicate.write_all(b"ou").unwrap();
    client.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"ou");
    drop(duplicate);
    client.write_all(b"go").unwrap();
    (&keep).read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"go");
    let client = client.into_std().unwrap();
    client.set_nonblocking(false).unwrap();
    (&keep).write_all(b"on").unwrap();
    (&client).read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"on");
    listener.set_ttl(33).unwrap();
    assert_eq!(listener.ttl().unwrap(), 33);
    let listener = listener.into_std().unwrap();
    assert_eq!(listener.local_addr().unwrap(), addr);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// 64 accept on one listener, half of them give up, some when they have been woken already; each connection
/// arrives exactly once.
#[test]
fn half_of_the_acceptors_are_cancelled_and_no_connection_is_lost() {
    const ACCEPTORS: usize = 64;
    const CONNECTIONS: u32 = 300;
    let listener = listen();
    let addr = listener.local_addr().unwrap();
    let seen = Mutex::new(vec![0; CONNECTIONS as usize]);
    let arrived = AtomicUsize::new(0);
    let cancelled: Vec<_> = (0..ACCEPTORS).map(|_| Arc::new(AtomicBool::new(false))).collect();
    let given_up = AtomicUsize::new(0);
    thread::scope(|scope| {
        let acceptors: Vec<_> = cancelled
            .iter()
            .map(|cancelled| {
                let (listener, seen, arrived, given_up) = (&listener, &seen, &arrived, &given_up);
                let accepting = move || {
                    while let Some(accepted) = block_on_unless(listener.accept(), cancelled) {
                        let (mut stream, _) = accepted.unwrap();
                        let mut id = [0; 4];
                        stream.read_exact(&mut id).unwrap();
                        seen.lock().unwrap()[u32::from_le_bytes(id) as usize] += 1;
                        arrived.fetch_add(1, SeqCst);
                    }
                    given_up.fetch_add(1, SeqCst);
                };
                thread::Builder::new()
                    .stack_size(128 << 10)
                    .spawn_scoped(scope, accepting)
                    .unwrap()
            })
            .collect();
        for id in 0..CONNECTIONS {
            let mut stream = block_on(TcpStream::connect(addr)).unwrap();
            stream.write_all(&id.to_le_bytes()).unwrap();
            // Every eighth connection takes an acceptor with it, all over the queue.
            let victim = (id as usize / 8 * 29) % ACCEPTORS;
            if id % 8 == 0 && id as usize / 8 < ACCEPTORS / 2 {
                assert!(!cancelled[victim].swap(true, SeqCst));
                acceptors[victim].thread().unpark();
            }
        }
        while arrived.load(SeqCst) < CONNECTIONS as usize {
            thread::yield_now();
        }
        // Who was told to give up may still be on its way.
        while given_up.load(SeqCst) < ACCEPTORS / 2 {
            thread::yield_now();
        }
        for (cancelled, acceptor) in cancelled.iter().zip(&acceptors) {
            cancelled.store(true, SeqCst);
            acceptor.thread().unpark();
        }
    });
    assert!(seen.into_inner().unwrap().iter().all(|times| *times == 1));
    assert!(matches!(
        poll_once(&mut Box::pin(listener.accept())),
        Poll::Pending
    ));
}
