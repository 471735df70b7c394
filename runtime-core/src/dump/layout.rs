//! Where a debugger finds the goroutines of a process that stands still, or has left a core file: `gdb/gort.py` reads it.
//!
//! A table of addresses, offsets and constants, so that the script needs symbols but no debug information, whose types an
//! optimised build need not have.

use std::mem::offset_of;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::g::{G, Labels, Vtable};
use crate::m::M;
use crate::queue::allgs::{self, AllLinks};
use crate::sched::SCHED;
use crate::stack::Top;
use crate::state;
use crate::wait_reason;

/// Changed with the meaning of any word; the script knows one.
const VERSION: usize = 1;
/// A word for each that the script names, in its order.
const WORDS: usize = 30;

/// All zero until the runtime is up.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "a symbol's name")]
static gort_layout: [AtomicUsize; WORDS] = [const { AtomicUsize::new(0) }; WORDS];

/// Fills the table.
pub(super) fn publish() {
    let (heads, stride, shards) = allgs::heads();
    let (allm, nm) = SCHED.ms_addresses();
    let (reasons, nreasons) = wait_reason::texts();
    let location = LocationLayout::find();
    let words: [usize; WORDS] = [
        VERSION,
        heads,
        stride,
        shards,
        offset_of!(G, all) + AllLinks::NEXT,
        offset_of!(G, state),
        offset_of!(G, goid),
        offset_of!(G, created_at),
        offset_of!(G, labels),
        offset_of!(Labels, name),
        offset_of!(G, vtable),
        offset_of!(Vtable, task),
        offset_of!(Vtable, blocks),
        offset_of!(G, frames),
        offset_of!(Top, sp),
        offset_of!(Top, reason),
        offset_of!(Top, location),
        allm,
        nm,
        offset_of!(M, curg),
        offset_of!(M, tid),
        reasons,
        nreasons,
        state::STATUS_SHIFT as usize,
        state::REASON_SHIFT as usize,
        state::FRAMES as usize,
        state::SYSTEM as usize,
        location.file,
        location.line,
        location.column,
    ];
    for (place, word) in gort_layout.iter().zip(words) {
        place.store(word, Ordering::Relaxed);
    }
}

/// Where in a `Location` its fields lie. std does not say, so one whose fields are known is searched for them.
struct LocationLayout {
    /// The address of the text; its length is the next word.
    file: usize,
    line: usize,
    column: usize,
}

impl LocationLayout {
    fn find() -> LocationLayout {
        let known = Location::caller();
        LocationLayout {
            file: offset_of_bytes(known, known.file().as_ptr().addr().to_ne_bytes()),
            line: offset_of_bytes(known, known.line().to_ne_bytes()),
            column: offset_of_bytes(known, known.column().to_ne_bytes()),
        }
    }
}

/// Where a field with these bytes lies in `location`; past its end if there is none, which the script sees.
fn offset_of_bytes<const N: usize>(location: &Location<'_>, bytes: [u8; N]) -> usize {
    const SIZE: usize = size_of::<Location<'_>>();
    let at = std::ptr::from_ref(location).cast::<u8>();
    (0..=SIZE - N)
        .step_by(N)
        .find(|&offset| {
            // SAFETY: within the location, which has no padding: a pointer, a length and two numbers of 32 bits.
            let field = unsafe { at.add(offset).cast::<[u8; N]>().read_unaligned() };
            field == bytes
        })
        .unwrap_or(SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_location_are_found() {
        let layout = LocationLayout::find();
        let size = size_of::<Location<'_>>();
        assert!(layout.file < size && layout.line < size && layout.column < size);
        assert_ne!(layout.line, layout.column);
    }
}
