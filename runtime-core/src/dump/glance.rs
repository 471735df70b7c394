//! All Gs as one glance shows them, while they run on: what a fatal error prints. On any thread and stack, under any
//! lock, without memory. What is said of a G was true of it at some moment; together it may never have been.

use std::fmt::{self, Write};
use std::panic::Location;

use super::describe::{Description, Doing, Wait, doing_by_state};
use crate::g::Gp;
use crate::queue::allgs;
use crate::wait_reason::WaitReason;
use crate::{sys, ticks};

/// How long to wait for locks in all, a second: whoever holds one may be the one that failed, or merely without a processor.
const TRIES: u32 = 10_000;
const TRY_MICROS: u32 = 100;

/// Prints them to stderr, each after an empty line.
pub(super) fn print() {
    let mut out = Buffer {
        bytes: [0; BUFFER],
        len: 0,
    };
    let mut left = TRIES;
    let complete = allgs::try_for_each(
        |g| {
            if !g.g().state.is_system() {
                // A buffer takes everything.
                let description = Description::new(g, doing(g)).named(g.name());
                let _ = write!(out, "\n{}{}", description.head(), description.places());
                out.flush();
            }
        },
        || {
            left = left.saturating_sub(1);
            sys::usleep(TRY_MICROS);
            left > 0
        },
    );
    if !complete {
        let _ = writeln!(
            out,
            "\nSome goroutines are not shown: the list of them is in use."
        );
        out.flush();
    }
}

/// What `g` does. Under its shard's lock.
pub(super) fn doing(g: Gp) -> Doing {
    match doing_by_state(g) {
        Doing::Runnable(None) => Doing::Runnable(place(g)),
        Doing::MidStack(None) => {
            let wait = last_wait(g);
            // It may have gone on, and the stack be another's.
            let is_its = matches!(doing_by_state(g), Doing::MidStack(None));
            Doing::MidStack(wait.filter(|_| is_its))
        }
        doing => doing,
    }
}

/// Where `g` last waited mid-stack, if it has not been at base since. Under its shard's lock.
pub(super) fn place(g: Gp) -> Option<&'static Location<'static>> {
    if !g.g().state.glance().has_frames {
        return None;
    }
    let wait = last_wait(g);
    // As in `doing`.
    wait.filter(|_| g.g().state.glance().has_frames)?.at
}

/// The last wait on the stack that `g` has.
fn last_wait(g: Gp) -> Option<Wait> {
    if !g.stack_stays() {
        return None;
    }
    // SAFETY: the header is there. Its owner, should it go on meanwhile, may write this word: it is read once, whole.
    let stack = unsafe { g.g().frames.as_ptr().read_volatile() }?;
    // SAFETY: the memory of stacks of this class stays mapped, and there has been a Top in it since there was a stack.
    // These words may be written meanwhile: each is read once, whole, and holds what its type may hold.
    unsafe {
        let top = stack.top();
        Some(Wait {
            reason: WaitReason::from_number(top.reason.as_ptr().read_volatile()),
            lasted: ticks::nanos_since(top.waiting_since.as_ptr().read_volatile()),
            at: top.location.as_ptr().read_volatile(),
        })
    }
}

/// More than a G without a long name takes.
const BUFFER: usize = 512;

/// Text on the stack, on its way to stderr.
struct Buffer {
    bytes: [u8; BUFFER],
    len: usize,
}

impl Buffer {
    fn flush(&mut self) {
        sys::write_stderr(&self.bytes[..self.len]);
        self.len = 0;
    }
}

impl Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut text = text.as_bytes();
        while !text.is_empty() {
            if self.len == BUFFER {
                self.flush();
            }
            let n = text.len().min(BUFFER - self.len);
            self.bytes[self.len..self.len + n].copy_from_slice(&text[..n]);
            self.len += n;
            text = &text[n..];
        }
        Ok(())
    }
}
