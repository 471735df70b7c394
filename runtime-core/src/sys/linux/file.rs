//! Small files of /proc and /sys, read into memory from the system's allocator. Used by `cpu` and
//! `cgroup`. Must never be used for files that may block.

use crate::sys::{last_os_error, os_error};
use allocator_api2::vec::Vec;
use std::alloc::System;
use std::ffi::CStr;
use std::io;

/// What one read asks for. Most of these files fit.
const STEP: usize = 4096;

/// Bytes outside the global allocator.
pub(super) type Bytes = Vec<u8, System>;

/// The whole of a file.
pub(super) fn read_file(path: &CStr) -> io::Result<Bytes> {
    const WHAT: &str = "reading a file of /proc or /sys";
    // SAFETY: the path ends in NUL.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if fd < 0 {
        return Err(last_os_error(WHAT));
    }
    let fd = Fd(fd);
    let mut bytes = Bytes::new_in(System);
    loop {
        bytes
            .try_reserve(STEP)
            .map_err(|_| os_error(libc::ENOMEM, WHAT))?;
        let spare = bytes.spare_capacity_mut();
        // SAFETY: the spare capacity is ours to write, and no more is asked for.
        let n = unsafe { libc::read(fd.0, spare.as_mut_ptr().cast(), spare.len()) };
        match n {
            0 => return Ok(bytes),
            // SAFETY: read wrote so many bytes behind the length.
            1.. => unsafe { bytes.set_len(bytes.len() + n as usize) },
            _ => {
                let error = last_os_error(WHAT);
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

/// A decimal number, digits only.
pub(super) fn parse_u64(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// A descriptor, closed on drop.
struct Fd(libc::c_int);

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: ours, closed once.
        unsafe { libc::close(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_longer_than_one_step_is_read_whole() {
        let maps = read_file(c"/proc/self/maps").unwrap();
        assert!(maps.ends_with(b"\n") && maps.windows(7).any(|part| part == b"[stack]"));
        let cpus = read_file(c"/proc/cpuinfo").unwrap();
        assert!(!cpus.is_empty());
    }

    #[test]
    fn a_missing_file_is_an_error() {
        assert_eq!(
            read_file(c"/proc/none").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
