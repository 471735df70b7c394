//! What a connection carries: every byte once, the end, errors, both faces.

mod common;

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use common::{block_on, noise, pair};
use gort_netpoll::net::TcpStream;

#[test]
fn both_faces_echo() {
    let (mut client, mut server) = pair();
    let data = noise(300_000, 1);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut copy = server.try_clone().unwrap();
            io::copy(&mut server, &mut copy).unwrap();
        });
        let mut writer = client.try_clone().unwrap();
        let sent = &data;
        scope.spawn(move || {
            use gort_netpoll::io::AsyncWriteExt;
            block_on(async {
                AsyncWriteExt::write_all(&mut writer, sent).await.unwrap();
                AsyncWriteExt::flush(&mut writer).await.unwrap();
                writer.shutdown().await.unwrap();
            });
        });
        let mut back = Vec::new();
        client.read_to_end(&mut back).unwrap();
        assert!(back == data);
    });
}

/// 8 read one `&TcpStream` in four ways at once: each byte arrives once, and the end at all of them.
#[test]
fn eight_readers_of_one_stream() {
    const BYTES: usize = 1 << 20;
    let (mut client, server) = pair();
    let data = noise(BYTES, 2);
    let mut expected = [0_usize; 256];
    data.iter().for_each(|byte| expected[usize::from(*byte)] += 1);
    let server = &server;
    let counts = thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|nth| {
                scope.spawn(move || {
                    let mut buf = vec![0; 100 + 911 * nth];
                    let mut counts = [0_usize; 256];
                    loop {
                        let read = match nth % 4 {
                            0 => { server }.read(&mut buf).unwrap(),
                            1 => read_when_readable(server, &mut buf),
                            2 => block_on(gort_netpoll::io::AsyncReadExt::read(&mut { server }, &mut buf))
                                .unwrap(),
                            _ => {
                                block_on(futures_util::AsyncReadExt::read(&mut { server }, &mut buf)).unwrap()
                            }
                        };
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
        for chunk in data.chunks(5000) {
            client.write_all(chunk).unwrap();
        }
        drop(client);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .fold([0; 256], |mut sum, counts| {
                sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                sum
            })
    });
    assert_eq!(counts, expected);
}

fn read_when_readable(stream: &TcpStream, buf: &mut [u8]) -> usize {
    loop {
        block_on(stream.readable()).unwrap();
        match stream.try_read(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read.unwrap(),
        }
    }
}

#[test]
fn the_end_that_came_with_the_data_is_not_lost_after_a_short_read() {
    for wait_for_event in [false, true] {
        let (mut client, mut server) = pair();
        client.write_all(b"last words").unwrap();
        drop(client);
        let mut buf = [0; 100];
        if wait_for_event {
            // Until the kernel has told us of the end as well.
            while revents(&server, libc::POLLRDHUP) == 0 {
                thread::yield_now();
            }
            block_on(server.readable()).unwrap();
        }
        assert_eq!(server.read(&mut buf).unwrap(), 10);
        assert_eq!(server.read(&mut buf).unwrap(), 0);
        assert_eq!(server.read(&mut buf).unwrap(), 0);
    }
}

#[test]
fn a_reset_is_an_error_and_not_a_hang() {
    let (client, mut server) = pair();
    let mut waiting = server.try_clone().unwrap();
    let waiting = thread::spawn(move || waiting.read(&mut [0; 10]).map_err(|error| error.kind()));
    socket2::SockRef::from(&client)
        .set_linger(Some(std::time::Duration::ZERO))
        .unwrap();
    drop(client);
    let first = waiting.join().unwrap();
    let second = server.read(&mut [0; 10]).map_err(|error| error.kind());
    assert_eq!([first, second], [Err(ErrorKind::ConnectionReset), Ok(0)]);
    assert_eq!(server.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

/// A read stops short at urgent data. That is not a sign that nothing is left.
#[test]
fn what_follows_urgent_data_is_read() {
    let (mut client, mut server) = pair();
    for round in 0..100 {
        client.write_all(b"before").unwrap();
        socket2::SockRef::from(&client).send_out_of_band(b"!").unwrap();
        client.write_all(b"after").unwrap();
        let (mut all, mut buf) = (Vec::new(), [0; 64]);
        if round % 2 == 0 {
            // The mark is there before the first read.
            while revents(&server, libc::POLLPRI) == 0 {
                thread::yield_now();
            }
        }
        while all.len() < 11 {
            let read = server.read(&mut buf).unwrap();
            all.extend_from_slice(&buf[..read]);
        }
        assert_eq!(all, b"beforeafter");
    }
}

fn revents(stream: &TcpStream, events: libc::c_short) -> libc::c_short {
    let mut poll = libc::pollfd {
        fd: stream.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: one valid pollfd.
    unsafe { libc::poll(&mut poll, 1, 0) };
    poll.revents & events
}

#[test]
fn writers_wait_for_room() {
    const BYTES: usize = 12 << 20;
    let (client, mut server) = pair();
    let data = noise(BYTES, 3);
    // Fill it, without waiting, until it says that it would.
    let mut written = 0;
    let full = loop {
        match client.try_write(&data[written..]) {
            Ok(bytes) => written += bytes,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    assert!(written < BYTES);
    thread::scope(|scope| {
        let (client, rest) = (&client, &data[written..]);
        let writing = scope.spawn(move || {
            let (half, end) = rest.split_at(rest.len() / 2);
            { client }.write_all(half).unwrap();
            block_on(gort_netpoll::io::AsyncWriteExt::write_all(&mut { client }, end)).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        let mut back = Vec::with_capacity(BYTES);
        server.read_to_end(&mut back).unwrap();
        writing.join().unwrap();
        assert!(back == data);
    });
}

#[test]
fn several_writers_of_one_stream_wait_in_turn() {
    const WRITERS: u8 = 6;
    const EACH: usize = 2 << 20;
    let (client, mut server) = pair();
    let mut counts = [0; WRITERS as usize];
    let left = AtomicUsize::new(usize::from(WRITERS));
    thread::scope(|scope| {
        let (client, left) = (&client, &left);
        for nth in 0..WRITERS {
            scope.spawn(move || {
                let data = vec![nth; EACH];
                match nth % 2 {
                    0 => { client }.write_all(&data).unwrap(),
                    _ => block_on(futures_util::AsyncWriteExt::write_all(&mut { client }, &data)).unwrap(),
                }
                if left.fetch_sub(1, SeqCst) == 1 {
                    client.shutdown(Shutdown::Write).unwrap();
                }
            });
        }
        let mut buf = vec![0; 100_000];
        loop {
            let read = server.read(&mut buf).unwrap();
            if read == 0 {
                break;
            }
            buf[..read]
                .iter()
                .for_each(|byte| counts[usize::from(*byte)] += 1);
        }
    });
    assert_eq!(counts, [EACH; WRITERS as usize]);
}

#[test]
fn shutting_down_wakes_who_waits() {
    let (client, server) = pair();
    thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| { &server }.read(&mut [0; 8])))
            .collect();
        server.shutdown(Shutdown::Read).unwrap();
        for reader in readers {
            assert_eq!(reader.join().unwrap().unwrap(), 0);
        }
    });
    drop(client);
}

#[test]
fn a_reader_that_gives_up_leaves_the_data_to_the_next() {
    let (mut client, server) = pair();
    let mut buf = [0; 8];
    for round in 0..200_u8 {
        let first = Box::pin(server.readable());
        let mut second = Box::pin(server.peek(&mut buf));
        let mut first = first;
        assert_eq!(
            server.try_read(&mut [0]).map_err(|error| error.kind()),
            Err(ErrorKind::WouldBlock)
        );
        assert!(common::poll_once(&mut first).is_pending());
        assert!(common::poll_once(&mut second).is_pending());
        client.write_all(&[round]).unwrap();
        if round % 2 == 0 {
            thread::yield_now();
        }
        // By now, or soon, the first has been told. It does not care.
        drop(first);
        assert_eq!(block_on(second).unwrap(), 1);
        assert_eq!(server.try_read(&mut buf).unwrap(), 1);
        assert_eq!(buf[0], round);
    }
}

#[test]
fn futures_are_send_and_options_are_set() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    fn is_both<T: Send + Sync + Unpin>() {}
    is_both::<TcpStream>();
    is_both::<gort_netpoll::net::TcpListener>();
    let (mut client, server) = pair();
    drop(is_send(client.readable()));
    drop(is_send(client.peek(&mut [0])));
    drop(is_send(TcpStream::connect("127.0.0.1:1")));
    drop(is_send(gort_netpoll::io::AsyncReadExt::read_to_end(
        &mut client,
        &mut Vec::new(),
    )));
    client.set_nodelay(true).unwrap();
    client.set_ttl(44).unwrap();
    assert_eq!((client.nodelay().unwrap(), client.ttl().unwrap()), (true, 44));
    assert!(client.take_error().unwrap().is_none());
    assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
    assert!(client.as_fd().try_clone_to_owned().is_ok());
    block_on(client.writable()).unwrap();
    assert_eq!(
        { &client }.read(&mut []).unwrap(),
        0,
        "nothing asked for, nothing waited for"
    );
}
