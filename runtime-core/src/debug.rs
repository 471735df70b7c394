//! $GORTDEBUG and $GORT_STACK: what the environment asks of the runtime. Go: parsedebugvars.
//!
//! The environment is read while the runtime boots, and never again: afterwards the program may change it.

use std::ffi::CStr;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::stack::Class;
use crate::warning;

static BOOT: AtomicBool = AtomicBool::new(false);
static NO_MEMBARRIER: AtomicBool = AtomicBool::new(false);
/// Milliseconds; 0: no trace.
static SCHEDTRACE: AtomicU64 = AtomicU64::new(0);
static SCHEDDETAIL: AtomicBool = AtomicBool::new(false);
static NO_STUCK: AtomicBool = AtomicBool::new(false);
static NO_UPDATES: AtomicBool = AtomicBool::new(false);
/// One more than the index in [`FAULTS`] of the one that a test asks for.
static FAULT: AtomicU8 = AtomicU8::new(0);
static DEFAULT_STACK: AtomicU8 = AtomicU8::new(0);

/// The words that $GORTDEBUG knows.
const KNOWN: &str =
    "boot=1, schedtrace=MS, scheddetail=1, stuck=0, updatemaxprocs=0, membarrier=0, fault=STEP (for tests)";

/// The checks of the boot that a test can have fail.
const FAULTS: [&str; 7] = [
    "settls_base",
    "settls",
    "check_layout",
    "check_cas",
    "check_align",
    "check_switch",
    "check_guard",
];

/// The value of an environment variable; nothing if it is empty. What is not UTF-8 is a value that nobody understands.
pub(crate) fn env(name: &CStr) -> Option<&'static str> {
    // SAFETY: a C string. Whoever changes the environment while another thread boots the runtime has promised
    // (`set_var`'s contract) that nobody reads it.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: getenv returns a C string; as above for its life.
    let value = unsafe { CStr::from_ptr(value) }.to_str().unwrap_or("\u{FFFD}");
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// $GORTDEBUG's words, with the value behind each.
fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = env(c"GORTDEBUG").unwrap_or("");
    all.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| word.split_once('=').unwrap_or((word, "")))
}

/// The index of a fault in [`FAULTS`].
fn fault_index(name: &str) -> Option<usize> {
    FAULTS.iter().position(|fault| *fault == name)
}

/// Reads what the steps before [`parsedebugvars`] need to know.
pub(crate) fn early() {
    for (word, value) in words() {
        match word {
            "boot" => BOOT.store(value == "1", Ordering::Relaxed),
            "membarrier" => NO_MEMBARRIER.store(value == "0", Ordering::Relaxed),
            "fault" => {
                let fault = fault_index(value).map_or(0, |index| index + 1);
                FAULT.store(fault as u8, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

/// Reads $GORTDEBUG and $GORT_STACK; one warning for each that it does not understand.
pub(crate) fn parsedebugvars() {
    for (word, value) in words() {
        match word {
            "schedtrace" => SCHEDTRACE.store(millis(value).unwrap_or(0), Ordering::Relaxed),
            "scheddetail" => SCHEDDETAIL.store(value == "1", Ordering::Relaxed),
            "stuck" => NO_STUCK.store(value == "0", Ordering::Relaxed),
            "updatemaxprocs" => NO_UPDATES.store(value == "0", Ordering::Relaxed),
            _ => {}
        }
    }
    if unknown_words().next().is_some() {
        warning!("GORTDEBUG: the known words are {KNOWN}; ignoring {Unknown}");
    }
    let Some(value) = env(c"GORT_STACK") else { return };
    match number(value) {
        Some(bytes) if bytes > Class::MAX.size() => {
            let largest = Class::MAX.size();
            warning!("GORT_STACK: {value} is more than {largest}; using {largest}");
            set_default_stack(largest);
        }
        Some(bytes) => set_default_stack(bytes),
        None => warning!("GORT_STACK: ignoring {value:?}: not a positive number of bytes"),
    }
}

fn unknown_words() -> impl Iterator<Item = (&'static str, &'static str)> {
    words().filter(|&(word, value)| match word {
        "boot" | "membarrier" | "scheddetail" | "stuck" | "updatemaxprocs" => !matches!(value, "0" | "1"),
        "schedtrace" => millis(value).is_none(),
        "fault" => fault_index(value).is_none(),
        _ => true,
    })
}

/// Prints the words of $GORTDEBUG that nobody knows.
struct Unknown;

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (word, value)) in unknown_words().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            let equals = if value.is_empty() { "" } else { "=" };
            // On one line, whatever they are.
            let (word, value) = (word.escape_debug(), value.escape_debug());
            write!(f, "{comma}{word}{equals}{value}")?;
        }
        Ok(())
    }
}

/// A positive number; `usize::MAX` if it is larger than that.
pub(crate) fn number(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().unwrap_or(usize::MAX);
    (number > 0).then_some(number)
}

/// A time in milliseconds; 0 is one.
fn millis(text: &str) -> Option<u64> {
    match text {
        "0" => Some(0),
        text => number(text).map(|millis| millis as u64),
    }
}

/// Whether each boot step is printed.
pub(crate) fn boot() -> bool {
    BOOT.load(Ordering::Relaxed)
}

/// Whether to do without membarrier, as on a kernel that has none.
pub(crate) fn no_membarrier() -> bool {
    NO_MEMBARRIER.load(Ordering::Relaxed)
}

/// How often the scheduler's state is printed, in milliseconds.
pub(crate) fn schedtrace() -> Option<u64> {
    Some(SCHEDTRACE.load(Ordering::Relaxed)).filter(|millis| *millis != 0)
}

/// Whether every P, M and G is, too.
pub(crate) fn scheddetail() -> bool {
    SCHEDDETAIL.load(Ordering::Relaxed)
}

/// Whether an M that is stuck is reported.
pub(crate) fn stuck() -> bool {
    !NO_STUCK.load(Ordering::Relaxed)
}

/// Whether GOMAXPROCS follows the number of processors at run time.
pub(crate) fn updates_max_procs() -> bool {
    !NO_UPDATES.load(Ordering::Relaxed)
}

/// Whether a test wants this check to fail (`fault=STEP`).
pub(crate) fn fault(step: &str) -> bool {
    match FAULT.load(Ordering::Relaxed) {
        0 => false,
        n => FAULTS[usize::from(n) - 1] == step,
    }
}

/// The size of the stack of a goroutine that does not ask for another.
pub fn default_stack() -> Class {
    match DEFAULT_STACK.load(Ordering::Relaxed) {
        0 => Class::GOROUTINE,
        log2 => Class::for_size(1 << log2),
    }
}

/// Changes it, for goroutines that start from now on: bytes, guard included, rounded up to a power of two of at
/// least 32 KiB and at most 1 GiB.
pub fn set_default_stack(bytes: usize) {
    let log2 = Class::for_size(bytes).size().trailing_zeros();
    DEFAULT_STACK.store(log2 as u8, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::{FAULTS, fault_index, number};

    #[test]
    fn numbers_are_positive_and_saturate() {
        assert_eq!(number("1"), Some(1));
        assert_eq!(number("+65536"), Some(65536));
        assert_eq!(number("99999999999999999999999"), Some(usize::MAX));
        for wrong in ["", "0", "00", "-3", "+", "++1", "abc", "1k", "1 2", "\u{FFFD}"] {
            assert_eq!(number(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn every_fault_is_found() {
        for (index, fault) in FAULTS.into_iter().enumerate() {
            assert_eq!(fault_index(fault), Some(index));
        }
        assert_eq!(fault_index(""), None);
    }
}
