//! $GORTDEBUG and $GORT_STACK: what the environment asks of the runtime. Go: parsedebugvars.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::stack::Class;
use crate::warning;

static BOOT: AtomicBool = AtomicBool::new(false);
static DEFAULT_STACK: AtomicU8 = AtomicU8::new(0);

/// The words that $GORTDEBUG knows.
const KNOWN: &str = "boot=1, fault=STEP (tests only)";

/// The value of an environment variable, before anything is set up.
pub(crate) fn env(name: &CStr) -> Option<&'static str> {
    // SAFETY: a C string. Whoever changes the environment while another thread boots the runtime has promised
    // (`set_var`'s contract) that nobody reads it.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: getenv returns a C string; as above for its life.
    unsafe { CStr::from_ptr(value) }.to_str().ok()
}

fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = env(c"GORTDEBUG").unwrap_or("");
    all.split(',')
        .filter(|word| !word.is_empty())
        .map(|word| word.split_once('=').unwrap_or((word, "")))
}

/// Reads $GORTDEBUG and $GORT_STACK; one warning for each that it does not understand.
pub(crate) fn parsedebugvars() {
    for (word, value) in words() {
        match (word, value) {
            ("boot", "0" | "1") => BOOT.store(value == "1", Ordering::Relaxed),
            ("fault", _) => {}
            _ => warning!("GORTDEBUG: ignoring {word:?} with value {value:?}; the known words are: {KNOWN}"),
        }
    }
    if let Some(value) = env(c"GORT_STACK") {
        match value.trim().parse::<usize>() {
            Ok(bytes) if bytes > 0 => set_default_stack(bytes),
            _ => warning!("GORT_STACK: ignoring {value:?}: not a positive number of bytes"),
        }
    }
}

/// Whether each boot step is printed.
pub(crate) fn boot() -> bool {
    BOOT.load(Ordering::Relaxed)
}

/// Whether a test wants this boot step to fail (`fault=STEP`). Reads the environment: at boot only.
pub(crate) fn fault(step: &str) -> bool {
    words().any(|(word, value)| word == "fault" && value == step)
}

/// The size of the stack of a goroutine that does not ask for another.
pub fn default_stack() -> Class {
    match DEFAULT_STACK.load(Ordering::Relaxed) {
        0 => Class::GOROUTINE,
        _ => Class::for_size(1 << DEFAULT_STACK.load(Ordering::Relaxed)),
    }
}

/// Changes it, for goroutines that start from now on: bytes, guard included, rounded up to a power of two of at
/// least 32 KiB.
pub fn set_default_stack(bytes: usize) {
    let log2 = Class::for_size(bytes).size().trailing_zeros();
    DEFAULT_STACK.store(log2 as u8, Ordering::Relaxed);
}
