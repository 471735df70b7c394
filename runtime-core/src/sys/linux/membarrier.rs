//! membarrier(2): a full fence on every running thread of this process, for sysmon's retake handshake
//! (ARCHITECTURE.md, rule 3). Best registered before the second thread exists: 2 us then, 10 ms later.

use crate::sys::last_os_error;
use std::io;

/// Registers the process for [`membarrier`].
///
/// # Errors
/// When the kernel or a seccomp filter has no membarrier: fall back on fences.
pub fn membarrier_register() -> io::Result<()> {
    command(
        libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
        "registering for membarrier",
    )
}

/// Returns once every running thread of this process has executed a full fence.
///
/// # Errors
/// `EPERM` when [`membarrier_register`] has not been called.
pub fn membarrier() -> io::Result<()> {
    command(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED, "membarrier")
}

fn command(command: i32, what: &'static str) -> io::Result<()> {
    // SAFETY: takes numbers only.
    match unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) } {
        0 => Ok(()),
        _ => Err(last_os_error(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_registering_it_works() {
        membarrier_register().unwrap();
        membarrier().unwrap();
    }
}
