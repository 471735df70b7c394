//! An echo server of goroutines: `echo_blocking [ADDRESS]`. Each connection is plain blocking code, std's `copy` over
//! std's `Read` and `Write`; what waits is the goroutine, not its thread.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use gort::Wait;
use gort::net::{TcpListener, TcpStream};

mod common;

/// How long to leave the listener alone when it cannot accept, for want of descriptors above all.
const PAUSE: Duration = Duration::from_millis(10);

#[gort::main]
fn main() -> ExitCode {
    let address = common::address();
    match listen(&address) {
        Ok(listener) => serve(&listener),
        Err(error) => common::cannot_listen(&address, &error),
    }
}

fn listen(address: &str) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).wait()?;
    common::listening(address, listener.local_addr()?)?;
    Ok(listener)
}

fn serve(listener: &TcpListener) -> ExitCode {
    loop {
        match listener.accept().wait() {
            // Dropping the handle detaches the goroutine. A connection that breaks ends it, and nobody else.
            Ok((stream, _)) => drop(gort::go(move || echo(&stream))),
            Err(_) => gort::time::sleep(PAUSE).wait(),
        }
    }
}

fn echo(stream: &TcpStream) -> io::Result<u64> {
    io::copy(&mut &*stream, &mut &*stream)
}
