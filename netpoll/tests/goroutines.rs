//! The same sockets under the scheduler: goroutines that park in std's traits, tasks that await, on the same
//! fd.

mod common;
#[path = "../../tests/support/limits.rs"]
mod limits;

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use common::noise;
use futures_util::future::{AbortHandle, Abortable};
use gort::Wait;
use gort::net::{TcpListener, TcpStream};

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).wait().unwrap();
    (client, listener.accept().wait().unwrap().0)
}

#[test]
fn eight_goroutines_read_one_stream() {
    let (mut client, server) = pair();
    let data = noise(1 << 20, 7);
    let server = Arc::new(server);
    let readers: Vec<_> = (0..8)
        .map(|nth| {
            let server = server.clone();
            gort::go(move || {
                let (mut counts, mut buf) = (vec![0_usize; 256], vec![0; 300 + 700 * nth]);
                loop {
                    let read = { &*server }.read(&mut buf).unwrap();
                    if read == 0 {
                        return counts;
                    }
                    buf[..read]
                        .iter()
                        .for_each(|byte| counts[usize::from(*byte)] += 1);
                }
            })
        })
        .collect();
    let mut expected = vec![0; 256];
    data.iter().for_each(|byte| expected[usize::from(*byte)] += 1);
    gort::go(move || data.chunks(4000).try_for_each(|chunk| client.write_all(chunk)))
        .wait()
        .unwrap()
        .unwrap();
    let mut counts = vec![0; 256];
    for reader in readers {
        counts
            .iter_mut()
            .zip(reader.wait().unwrap())
            .for_each(|(sum, count)| *sum += count);
    }
    assert_eq!(counts, expected);
}

#[test]
fn half_of_64_accepting_tasks_are_aborted_and_no_connection_is_lost() {
    const ACCEPTORS: usize = 64;
    const CONNECTIONS: u32 = 500;
    // Both ends of each, and some more.
    if !limits::has_descriptors(2 * CONNECTIONS as usize + 100) {
        return;
    }
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").wait().unwrap());
    let addr = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(vec![0; CONNECTIONS as usize]));
    let (aborts, acceptors): (Vec<_>, Vec<_>) = (0..ACCEPTORS)
        .map(|_| {
            let (abort, registration) = AbortHandle::new_pair();
            let (listener, seen) = (listener.clone(), seen.clone());
            let accepting = Abortable::new(
                async move {
                    loop {
                        let (mut stream, _) = listener.accept().await.unwrap();
                        // Accepted: an abort must not lose it any more, and waiting in std's face is no
                        // await.
                        let mut id = [0; 4];
                        stream.read_exact(&mut id).unwrap();
                        seen.lock().unwrap()[u32::from_le_bytes(id) as usize] += 1;
                    }
                },
                registration,
            );
            (abort, gort::spawn(accepting))
        })
        .unzip();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|id| {
            gort::go(move || {
                let mut stream = TcpStream::connect(addr).wait()?;
                stream.write_all(&id.to_le_bytes())?;
                // The end: the acceptor has read it and closed.
                stream.read(&mut [0])
            })
        })
        .collect();
    let mut aborted = 0;
    for (nth, client) in clients.into_iter().enumerate() {
        if nth % 8 == 0 && nth / 8 < ACCEPTORS / 2 {
            aborts[nth / 8 * 29 % ACCEPTORS].abort();
            aborted += 1;
        }
        assert_eq!(client.wait().unwrap().unwrap(), 0);
    }
    assert!(seen.lock().unwrap().iter().all(|times| *times == 1));
    assert_eq!(aborted, ACCEPTORS / 2);
    for (abort, acceptor) in aborts.iter().zip(acceptors) {
        abort.abort();
        assert!(acceptor.wait().unwrap().is_err());
    }
}

#[test]
fn many_connections_echo_through_both_faces() {
    const CONNECTIONS: usize = 100;
    if !limits::has_descriptors(2 * CONNECTIONS + 100) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let addr = listener.local_addr().unwrap();
    let server = gort::go(move || {
        let serve = |(nth, stream): (usize, io::Result<TcpStream>)| {
            let mut stream = stream.unwrap();
            if nth % 2 == 0 {
                gort::go(move || {
                    let mut copy = stream.try_clone().unwrap();
                    io::copy(&mut stream, &mut copy).unwrap();
                })
            } else {
                gort::spawn(async move {
                    let (mut reader, mut writer) = stream.split();
                    futures_util::io::copy(&mut reader, &mut writer).await.unwrap();
                })
            }
        };
        let servers: Vec<_> = listener
            .incoming()
            .take(CONNECTIONS)
            .enumerate()
            .map(serve)
            .collect();
        servers.into_iter().for_each(|server| server.wait().unwrap());
    });
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|nth| {
            gort::spawn(async move {
                let data = noise(20_000 + nth, nth as u64);
                let mut stream = TcpStream::connect(addr).await.unwrap();
                let mut writer = stream.try_clone().unwrap();
                let sent = data.clone();
                let writing = gort::go(move || {
                    sent.chunks(777)
                        .for_each(|chunk| writer.write_all(chunk).unwrap());
                    writer.shutdown(Shutdown::Write).unwrap();
                });
                let mut back = Vec::new();
                gort::io::AsyncReadExt::read_to_end(&mut stream, &mut back)
                    .await
                    .unwrap();
                writing.await.unwrap();
                assert!(back == data);
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.wait().unwrap());
    server.wait().unwrap();
}
