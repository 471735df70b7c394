//! The command line of both echo servers: `[ADDRESS]` in, one line out, on stdout once it listens or on stderr if it
//! cannot.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

const DEFAULT_ADDRESS: &str = "127.0.0.1:7000";

/// The address to listen on. What is not UTF-8 is no address, and is refused as such.
pub(crate) fn address() -> String {
    match std::env::args_os().nth(1) {
        Some(address) => address.to_string_lossy().into_owned(),
        None => DEFAULT_ADDRESS.into(),
    }
}

/// Says that the server listens: on the address given or, where the system was to choose the port, on the real one.
pub(crate) fn listening(address: &str, local: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if chooses_port(address) {
        writeln!(out, "listening on {local}")?;
    } else {
        writeln!(out, "listening on {address}")?;
    }
    out.flush()
}

fn chooses_port(address: &str) -> bool {
    let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    port == Some(Ok(0))
}

/// Says what is wrong, where, and what to do about it. The exit status is 1.
pub(crate) fn cannot_listen(address: &str, error: &io::Error) -> ExitCode {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => "stop whatever listens there, or name another port",
        ErrorKind::InvalidInput => "name a host and a port, as in 127.0.0.1:7000",
        ErrorKind::PermissionDenied => "name a port above 1023",
        _ => "name an address of this machine, as in 127.0.0.1:7000",
    };
    // Nowhere is left to say that this failed.
    let _ = writeln!(io::stderr(), "cannot listen on {address:?}: {error}; {advice}");
    ExitCode::FAILURE
}
