//! [`Text`]: lines on their way to stderr, in memory that is not the user's allocator's.

use std::alloc::System;
use std::fmt;

use allocator_api2::vec::Vec;

use crate::sys;

/// A pipe takes so many bytes in one piece (pipe(7): PIPE_BUF).
const PIECE: usize = 4096;

/// Lines that grow under the locks of the list of Gs. Where there is no memory for them they are cut.
pub(super) struct Text(Vec<u8, System>);

impl Text {
    pub(super) const fn new() -> Text {
        Text(Vec::new_in(System))
    }

    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or("")
    }

    /// Writes them to stderr, each whole, and as many at once as others cannot write in between.
    pub(super) fn print(&mut self) {
        let mut rest = &self.0[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(piece(rest));
            sys::write_stderr(piece);
            rest = after;
        }
        self.0.clear();
    }
}

/// How long the next piece is: as many lines as fit, or one that does not.
fn piece(bytes: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    if bytes.len() <= PIECE {
        return bytes.len();
    }
    let last = bytes[..PIECE].iter().rposition(is_end);
    let end = last.or_else(|| bytes.iter().position(is_end));
    end.map_or(bytes.len(), |end| end + 1)
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.try_reserve(text.len()).map_err(|_| fmt::Error)?;
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_of_whole_lines() {
        assert_eq!(piece(b"one\ntwo\n"), 8);
        let mut lines = [b'.'; 2 * PIECE];
        assert_eq!(piece(&lines), 2 * PIECE);
        lines[PIECE + 5] = b'\n';
        assert_eq!(piece(&lines), PIECE + 6);
        lines[PIECE - 1] = b'\n';
        assert_eq!(piece(&lines), PIECE);
        lines[7] = b'\n';
        assert_eq!(piece(&lines), PIECE);
    }
}
