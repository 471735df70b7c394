//! The two echo servers, under 2,000 connections: every byte comes back, and afterwards nothing is left. Each counts
//! what the whole process has, so each runs in a child.

#![allow(clippy::print_stdout, reason = "figures belong to the tests' output")]

mod support;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join;
use gort::Wait;
use gort::net::{TcpListener, TcpStream};
use support::limits::has_descriptors;
use support::proc::{Usage, comes_true, descriptors, steady};
use support::{Random, is_child, run_child_and_show, seed, watchdog_within};

const CONNECTIONS: usize = 2_000;
/// Both ends of each, and some more.
const DESCRIPTORS: usize = 2 * CONNECTIONS + 100;
const MESSAGES: usize = 100;
const LONGEST: usize = 64 * 1024;
/// What the messages are cut from.
const NOISE: usize = 1 << 20;
const LIMIT: Duration = Duration::from_secs(400);

/// Serves `CONNECTIONS` connections, then returns.
type Server = fn(TcpListener) -> io::Result<()>;

/// The server of `examples/echo.rs`: tasks.
fn tasks(listener: TcpListener) -> io::Result<()> {
    use gort::io::{AsyncReadExt, AsyncWriteExt};

    async fn echo(mut stream: TcpStream) -> io::Result<()> {
        let mut buf = vec![0; 16 * 1024];
        loop {
            let n = stream.read(&mut buf).await?;
            if n == 0 {
                return Ok(());
            }
            stream.write_all(&buf[..n]).await?;
        }
    }

    gort::block_on(async {
        for _ in 0..CONNECTIONS {
            let (stream, _) = listener.accept().await?;
            gort::spawn(async move { echo(stream).await.unwrap() });
        }
        Ok(())
    })
}

/// The server of `examples/echo_blocking.rs`: goroutines.
fn goroutines(listener: TcpListener) -> io::Result<()> {
    fn echo(stream: &TcpStream) -> io::Result<u64> {
        io::copy(&mut { stream }, &mut { stream })
    }

    for stream in listener.incoming().take(CONNECTIONS) {
        let stream = stream?;
        gort::go(move || echo(&stream).unwrap());
    }
    Ok(())
}

/// Sends random pieces of `noise`, and compares what comes back while it is sending. Returns how many bytes.
async fn client(stream: TcpStream, noise: &[u8], mut random: Random) -> io::Result<usize> {
    use gort::io::{AsyncReadExt, AsyncWriteExt};

    let (mut reader, mut writer) = stream.into_split();
    let mut buf = vec![0; 8 * 1024];
    let mut total = 0;
    for _ in 0..MESSAGES {
        let len = 1 + random.below(LONGEST);
        let start = random.below(NOISE - len);
        let message = &noise[start..start + len];
        let compare = async {
            for expected in message.chunks(buf.len()) {
                let got = &mut buf[..expected.len()];
                reader.read_exact(got).await?;
                assert!(got == expected, "a byte is wrong");
            }
            io::Result::Ok(())
        };
        let (sent, compared) = join(writer.write_all(message), compare).await;
        sent?;
        compared?;
        total += len;
    }
    writer.shutdown().await?;
    assert_eq!(reader.read(&mut buf).await?, 0, "more came back than was sent");
    Ok(total)
}

fn every_byte_comes_back(name: &'static str, serve: Server) {
    if !is_child(name) {
        return run_child_and_show(name, &[("GOMAXPROCS", "2")]);
    }
    let _watchdog = watchdog_within(name, LIMIT);
    if !has_descriptors(DESCRIPTORS) {
        return;
    }
    let seed = seed();
    // The poller's own descriptors come with the first socket, and stay.
    drop(TcpListener::bind("127.0.0.1:0").wait().unwrap());
    let before = steady(|| (gort::runtime::num_goroutines(), descriptors()));
    let memory = Usage::now();

    let start = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let addr = listener.local_addr().unwrap();
    let server = gort::go(move || serve(listener));
    let mut random = Random::new(seed);
    let noise: Arc<[u8]> = (0..NOISE).map(|_| random.below(256) as u8).collect();
    // All are connected before any sends.
    let streams: Vec<_> = (0..CONNECTIONS)
        .map(|_| TcpStream::connect(addr).wait().unwrap())
        .collect();
    server.wait().unwrap().unwrap();
    let clients: Vec<_> = streams
        .into_iter()
        .enumerate()
        .map(|(nth, stream)| {
            let noise = noise.clone();
            let random = Random::new(seed.wrapping_add(1 + nth as u64));
            gort::spawn(async move { client(stream, &noise, random).await })
        })
        .collect();
    let total: usize = clients
        .into_iter()
        .map(|client| client.wait().unwrap().unwrap())
        .sum();
    let took = start.elapsed();
    println!(
        "{name}: {CONNECTIONS} connections, {} messages, {} MiB there and back in {took:.1?}; {} MiB more memory",
        CONNECTIONS * MESSAGES,
        total >> 20,
        Usage::now().since(memory) >> 20,
    );

    let now = || (gort::runtime::num_goroutines(), descriptors());
    assert!(
        comes_true(Duration::from_secs(30), || now() == before),
        "goroutines, descriptors: {before:?} before, {:?} after",
        now()
    );
    println!("{name}: goroutines and descriptors as before: {before:?}");
}

#[test]
fn echo_by_tasks() {
    every_byte_comes_back("echo_by_tasks", tasks);
}

#[test]
fn echo_by_goroutines() {
    every_byte_comes_back("echo_by_goroutines", goroutines);
}
