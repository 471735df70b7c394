//! A child process that prints lines, and may be a server: the parent's side and the child's. Called by `run` and
//! `echo`, and by the examples.

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::peer::WORKERS;

/// What a server prints once it listens, before its address.
const LISTENING: &str = "listening on ";

/// A child process, from the parent's side. It is killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    /// Its standard input stays open as long: a server ends when that does.
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// Starts it, with what tells each runtime how many threads to use.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Result<Process, String> {
        let mut child = command
            .env("GOMAXPROCS", WORKERS.to_string())
            .env("SMOL_THREADS", WORKERS.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", command.get_program().display()))?;
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            // Ends with the child's output.
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Process { child, lines })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints.
    ///
    /// # Errors
    /// If it takes longer than `patience`, or ends without one.
    pub fn line(&self, patience: Duration) -> Result<String, String> {
        self.lines.recv_timeout(patience).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("no reading within {patience:?}"),
            RecvTimeoutError::Disconnected => "ended without a reading".to_owned(),
        })
    }

    /// Where it serves, which is the next line that it prints (see [`listening`]).
    ///
    /// # Errors
    /// As for [`line`](Process::line), or if it prints something else.
    pub fn address(&self, patience: Duration) -> Result<SocketAddr, String> {
        let line = self.line(patience)?;
        line.strip_prefix(LISTENING)
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| format!("no server: {line}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server tells its parent where it is.
///
/// # Errors
/// `address`'s own, or if nobody reads it.
pub fn listening(address: io::Result<impl Display>) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{LISTENING}{}", address?)?;
    stdout.flush()
}

/// Runs a server's process while its parent lives. What serves has threads of its own.
///
/// # Errors
/// If the input cannot be read.
pub fn serve_until_the_end_of_input() -> io::Result<()> {
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
