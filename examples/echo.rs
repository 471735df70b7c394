//! An echo server of async tasks, one for each connection: `echo [ADDRESS]`. A waiting task holds no stack.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use gort::io::{AsyncReadExt, AsyncWriteExt};
use gort::net::{TcpListener, TcpStream};

mod common;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;
/// How long to leave the listener alone when it cannot accept, for want of descriptors above all.
const PAUSE: Duration = Duration::from_millis(10);

#[gort::main]
async fn main() -> ExitCode {
    let address = common::address();
    match listen(&address).await {
        Ok(listener) => serve(listener).await,
        Err(error) => common::cannot_listen(&address, &error),
    }
}

async fn listen(address: &str) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    common::listening(address, listener.local_addr()?)?;
    Ok(listener)
}

async fn serve(listener: TcpListener) -> ExitCode {
    loop {
        match listener.accept().await {
            // Dropping the handle detaches the task. A connection that breaks ends it, and nobody else.
            Ok((stream, _)) => drop(gort::spawn(echo(stream))),
            Err(_) => gort::time::sleep(PAUSE).await,
        }
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match stream.read(&mut chunk).await? {
            0 => return Ok(()),
            n => stream.write_all(&chunk[..n]).await?,
        }
    }
}
