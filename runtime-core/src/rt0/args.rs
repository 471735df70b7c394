//! What the kernel left above the stack. Go: args. argc and argv stay libc's (std::env::args reads them).

use std::sync::OnceLock;

use crate::steps::step;
use crate::sys::{self, Auxv};

static AUXV: OnceLock<Auxv> = OnceLock::new();

#[inline(never)]
pub(crate) fn args() {
    step("args");
    let _ = AUXV.set(sys::auxv());
}

/// 64 of the kernel's random bits, or the clock if it gave none.
pub(crate) fn random_seed() -> u64 {
    match AUXV.get().and_then(|auxv| auxv.random) {
        Some(bytes) => u64::from_le_bytes(std::array::from_fn(|i| bytes[i])),
        None => sys::nanotime(),
    }
}
