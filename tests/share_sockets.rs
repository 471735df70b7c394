//! Many share one socket: goroutines that read one stream, tasks that accept on one listener, and half of either
//! give up at random. What came goes to somebody, once.

#![allow(clippy::print_stdout, reason = "the seed belongs to the tests' output")]

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{AbortHandle, Abortable};
use gort::Wait;
use gort::io::AsyncReadExt;
use gort::net::{TcpListener, TcpStream};
use gort::time::{sleep, timeout};
use support::{Counter, Random, seed, watchdog};

const READERS: usize = 8;
const BYTES: usize = 4 << 20;
const ACCEPTORS: usize = 64;
const CONNECTIONS: u32 = 2_000;

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).wait().unwrap();
    (client, listener.accept().wait().unwrap().0)
}

/// How often each value comes among `bytes`: one that is lost, or read twice, shows.
fn counts<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> Vec<usize> {
    let mut counts = vec![0; 256];
    bytes.into_iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    counts
}

/// Sends `bytes`, now in small pieces and now in large ones, with pauses, and the end.
fn send(mut stream: TcpStream, bytes: &[u8], mut random: Random) {
    let mut left = bytes;
    while !left.is_empty() {
        let longest = if random.below(2) == 0 { 100 } else { 100_000 };
        let (piece, rest) = left.split_at((1 + random.below(longest)).min(left.len()));
        stream.write_all(piece).unwrap();
        left = rest;
        if random.below(4) == 0 {
            sleep(Duration::from_micros(random.below(500) as u64)).wait();
        }
    }
    stream.shutdown(Shutdown::Write).unwrap();
}

/// Eight goroutines read one `&TcpStream`. Every other read has a deadline that may well pass.
#[test]
fn eight_goroutines_read_one_stream() {
    let _watchdog = watchdog("eight_goroutines_read_one_stream");
    let seed = seed();
    let (client, server) = pair();
    let server = Arc::new(server);
    let cancelled = Counter::new();
    let readers: Vec<_> = (0..READERS)
        .map(|nth| {
            let (server, cancelled) = (server.clone(), cancelled.clone());
            gort::go(move || {
                let mut stream: &TcpStream = &server;
                let mut random = Random::new(seed.wrapping_add(nth as u64));
                let mut got = Vec::new();
                loop {
                    let mut buf = vec![0; 1 + random.below(20_000)];
                    let read = if random.below(2) == 0 {
                        Read::read(&mut stream, &mut buf)
                    } else {
                        let limit = Duration::from_micros(random.below(300) as u64);
                        // Cancelled or not: what was read was returned.
                        match timeout(limit, AsyncReadExt::read(&mut stream, &mut buf)).wait() {
                            Ok(read) => read,
                            Err(_) => {
                                cancelled.add();
                                continue;
                            }
                        }
                    };
                    match read.unwrap() {
                        0 => return got,
                        n => got.extend_from_slice(&buf[..n]),
                    }
                }
            })
        })
        .collect();
    let mut random = Random::new(seed);
    let bytes: Vec<u8> = (0..BYTES).map(|_| random.below(256) as u8).collect();
    let sent = counts(&bytes);
    gort::go(move || send(client, &bytes, random)).wait().unwrap();
    let got: Vec<Vec<u8>> = readers.into_iter().map(|reader| reader.wait().unwrap()).collect();
    assert_eq!(got.iter().map(Vec::len).sum::<usize>(), BYTES);
    assert_eq!(counts(got.iter().flatten()), sent);
    println!("{} reads were cancelled", cancelled.get());
    assert!(cancelled.get() > 0);
}

/// 64 tasks accept on one listener; half of them are aborted at random moments, and of the other half's waits some
/// run out of time.
#[test]
fn tasks_accept_on_one_listener() {
    let _watchdog = watchdog("tasks_accept_on_one_listener");
    let seed = seed();
    let mut random = Random::new(seed);
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").wait().unwrap());
    let addr = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(vec![0_u32; CONNECTIONS as usize]));
    let mut accept = |nth: usize| {
        let (abort, registration) = AbortHandle::new_pair();
        let (listener, seen) = (listener.clone(), seen.clone());
        let mut random = Random::new(random.below(1 << 30) as u64);
        let accepting = Abortable::new(
            async move {
                loop {
                    let (mut stream, _) = if nth % 4 == 1 {
                        let limit = Duration::from_micros(random.below(2_000) as u64);
                        match timeout(limit, listener.accept()).await {
                            Ok(accepted) => accepted.unwrap(),
                            Err(_) => continue,
                        }
                    } else {
                        listener.accept().await.unwrap()
                    };
                    // In std's face, which is no await: from here on the abort finds the connection served.
                    let mut id = [0; 4];
                    Read::read_exact(&mut stream, &mut id).unwrap();
                    seen.lock().unwrap()[u32::from_le_bytes(id) as usize] += 1;
                }
            },
            registration,
        );
        (abort, gort::spawn(accepting))
    };
    let (mut aborts, acceptors): (Vec<_>, Vec<_>) = (0..ACCEPTORS).map(&mut accept).unzip();
    random.shuffle(&mut aborts);
    let aborter = {
        let half: Vec<_> = aborts[..ACCEPTORS / 2].to_vec();
        gort::go(move || {
            for abort in half {
                sleep(Duration::from_micros(random.below(5_000) as u64)).wait();
                abort.abort();
            }
        })
    };
    // At most 100 at a time.
    let clients: Vec<_> = (0..100)
        .map(|client| {
            gort::go(move || {
                for id in (client..CONNECTIONS).step_by(100) {
                    let mut stream = TcpStream::connect(addr).wait().unwrap();
                    Write::write_all(&mut stream, &id.to_le_bytes()).unwrap();
                    // The end: the acceptor has read it and closed.
                    assert_eq!(Read::read(&mut stream, &mut [0]).unwrap(), 0);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.wait().unwrap());
    aborter.wait().unwrap();
    let seen = seen.lock().unwrap();
    let wrong: Vec<_> = (0..).zip(&*seen).filter(|(_, times)| **times != 1).collect();
    assert!(
        wrong.is_empty(),
        "connections and how often they were accepted: {wrong:?}"
    );
    aborts.iter().for_each(AbortHandle::abort);
    for acceptor in acceptors {
        assert!(acceptor.wait().unwrap().is_err());
    }
}
