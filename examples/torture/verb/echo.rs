//! Talks to the echo server: in turns with it, with both directions at once, or breaking off in the middle.

use std::io;
use std::time::Duration;

use gort::Wait;
use gort::net::TcpStream;
use gort::time::timeout;

use crate::books::{CLIENTS, Checksum, RETURNED, SENT, discrepancy};
use crate::child;
use crate::random::Random;
use crate::server::{self, LONGEST};
use crate::world::world;

/// Frames in one direction before the other's turn, or at all.
const MOST_FRAMES: usize = 12;
/// Mostly: some have up to [`LONGEST`].
const USUAL_BYTES: usize = 3_000;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    if !world().may_connect(1) {
        return;
    }
    let (mut theirs, value, how) = (random.fork(), random.next(), random.below(6));
    let client = match how {
        0 => child::task(value, async move { break_off(&mut theirs).await }),
        // Whole, in a child: a verb may be dropped in the middle.
        1 | 2 => child::task(value, async move { settle(in_turns(&mut theirs).await) }),
        3 | 4 => child::goroutine(value, move || settle(in_turns_blocking(&mut theirs))),
        _ => child::goroutine(value, move || settle(both_at_once(&mut theirs))),
    };
    client.join().await;
}

/// What a client has sent and what it has got back.
type Talk = (Checksum, Checksum);

fn settle(talked: io::Result<Talk>) {
    match talked {
        Ok((sent, returned)) => {
            if sent != returned {
                discrepancy(format_args!("sent {sent:?}, got back {returned:?}"));
            }
            SENT.add(&sent);
            RETURNED.add(&returned);
        }
        Err(error) => discrepancy(format_args!("client: {error}")),
    }
}

/// Head and body.
fn frame(random: &mut Random) -> Vec<u8> {
    let most = if random.one_in(8) { LONGEST } else { USUAL_BYTES };
    let length = 1 + random.below(most);
    let mut frame = vec![0; 4 + length];
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    random.fill(&mut frame[4..]);
    frame
}

/// The empty frame.
const END: [u8; 4] = [0; 4];

async fn in_turns(random: &mut Random) -> io::Result<Talk> {
    use gort::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = TcpStream::connect(world().echo).await?;
    let entry = CLIENTS.open();
    let (mut sent, mut returned) = (Checksum::new(), Checksum::new());
    for _ in 0..random.below(MOST_FRAMES) {
        let frame = frame(random);
        if random.one_in(6) {
            // Nothing can have come: the read is cancelled, and loses nothing.
            let early = timeout(random.micros_below(200), stream.read(&mut [0; 8])).await;
            if let Ok(read) = early {
                discrepancy(format_args!("read {read:?} before anything was sent"));
            }
        }
        stream.write_all(&frame).await?;
        sent.add(&frame[4..]);
        let mut back = vec![0; frame.len()];
        stream.read_exact(&mut back).await?;
        returned.add(&back[4..]);
    }
    stream.write_all(&END).await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    ends(&rest);
    entry.done();
    Ok((sent, returned))
}

fn in_turns_blocking(random: &mut Random) -> io::Result<Talk> {
    use std::io::{Read, Write};

    let mut stream = TcpStream::connect(world().echo).wait()?;
    let entry = CLIENTS.open();
    let (mut sent, mut returned) = (Checksum::new(), Checksum::new());
    for _ in 0..random.below(MOST_FRAMES) {
        let frame = frame(random);
        stream.write_all(&frame)?;
        sent.add(&frame[4..]);
        let mut back = vec![0; frame.len()];
        stream.read_exact(&mut back)?;
        returned.add(&back[4..]);
    }
    stream.write_all(&END)?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest)?;
    ends(&rest);
    entry.done();
    Ok((sent, returned))
}

fn ends(rest: &[u8]) {
    if rest != END {
        discrepancy(format_args!("{} bytes instead of the end", rest.len()));
    }
}

/// A goroutine writes while this one reads: the buffers fill up, and each waits for the other end.
fn both_at_once(random: &mut Random) -> io::Result<Talk> {
    use std::io::{Read, Write};

    let stream = TcpStream::connect(world().echo).wait()?;
    let entry = CLIENTS.open();
    let (mut writer, mut theirs) = (stream.try_clone()?, random.fork());
    let frames = random.below(MOST_FRAMES);
    let writes = gort::go(move || {
        let mut sent = Checksum::new();
        for _ in 0..frames {
            let frame = frame(&mut theirs);
            writer.write_all(&frame)?;
            sent.add(&frame[4..]);
        }
        writer.write_all(&END)?;
        io::Result::Ok(sent)
    });
    let mut returned = Checksum::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        let mut head = END;
        (&stream).read_exact(&mut head)?;
        let body = server::body(&mut buffer, head);
        if body.is_empty() {
            break;
        }
        (&stream).read_exact(body)?;
        returned.add(body);
    }
    let sent = writes.wait().map_err(io::Error::from)??;
    entry.done();
    Ok((sent, returned))
}

/// Goes away with a frame half sent, or half read.
async fn break_off(random: &mut Random) {
    use gort::io::{AsyncReadExt, AsyncWriteExt};

    let Ok(mut stream) = TcpStream::connect(world().echo).await else {
        return discrepancy(format_args!("connect"));
    };
    let frame = frame(random);
    let part = random.below(frame.len() + 1);
    // The server may see the end of it at any point; here nothing can fail but what does not matter.
    let _ = stream.write_all(&frame[..part]).await;
    if random.one_in(2) {
        let _ = timeout(Duration::from_micros(100), stream.read(&mut [0; 100])).await;
    }
}
