//! [`WaitReason`]: why a G waits, as dumps say it. Go: waitReason.
//!
//! Whoever waits gives one; a leaf future that is polled meanwhile knows better ([`waits_for`]).

use std::fmt;

use crate::m::M;

/// Why a G waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum WaitReason {
    /// For some future.
    Future = 0,
    /// For a descriptor to become readable.
    IoRead,
    /// For a descriptor to become writable.
    IoWrite,
    /// For a connection to arrive.
    Accept,
    /// For a connection to be made.
    Connect,
    /// For another G to end.
    Join,
    /// For time to pass.
    Sleep,
    /// For a blocking thread that runs a closure of its own.
    Blocking,
}

const ALL: [WaitReason; 8] = [
    WaitReason::Future,
    WaitReason::IoRead,
    WaitReason::IoWrite,
    WaitReason::Accept,
    WaitReason::Connect,
    WaitReason::Join,
    WaitReason::Sleep,
    WaitReason::Blocking,
];

/// By number.
static TEXTS: [&str; ALL.len()] = [
    "waiting",
    "IO wait: read",
    "IO wait: write",
    "IO wait: accept",
    "IO wait: connect",
    "join",
    "sleep",
    "blocking",
];

impl WaitReason {
    /// The reason that was stored as a number.
    pub(crate) fn from_number(number: u8) -> WaitReason {
        ALL.get(usize::from(number))
            .copied()
            .unwrap_or(WaitReason::Future)
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TEXTS[*self as usize])
    }
}

/// For debuggers: the address of the reasons' texts, each an address and a length, and how many there are.
pub(crate) fn texts() -> (usize, usize) {
    (TEXTS.as_ptr().addr(), TEXTS.len())
}

/// Says why the running G is about to wait. For a leaf future, before it returns Pending; of several in one poll the
/// first counts. Elsewhere than on a G it does nothing.
#[inline]
pub fn waits_for(reason: WaitReason) {
    let Some(m) = M::current() else { return };
    if m.curg.get().is_none() {
        return;
    }
    let top = m.top();
    if top.reason.get() == WaitReason::Future as u8 {
        top.reason.set(reason as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_comes_back_from_its_number() {
        for reason in ALL {
            assert_eq!(WaitReason::from_number(reason as u8), reason);
            assert!(!reason.to_string().is_empty());
        }
        assert_eq!(WaitReason::from_number(ALL.len() as u8), WaitReason::Future);
    }
}
