//! The cheap clock: how fast it counts, and whether it can be relied on. Set up by rt0's `cpuinfo`; the scheduler asks.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::arch::{self, CpuInfo};
use crate::sys;

static INFO: OnceLock<CpuInfo> = OnceLock::new();
/// When the boot began, on both clocks.
static START_TICKS: AtomicU64 = AtomicU64::new(0);
static START_NANOS: AtomicU64 = AtomicU64::new(0);

/// Until enough time has passed to measure it, a tick counts as a nanosecond: more than it is, so that whoever waits
/// for a number of ticks looks too early, not too late.
const GUESS_PER_NANO: u64 = 1;
/// How long to measure for.
const ENOUGH_NANOS: u64 = 10_000_000;

/// At boot: notes what the processor says of itself, and the time on both clocks.
pub(crate) fn init() {
    let _ = INFO.set(arch::cpuinfo());
    START_TICKS.store(arch::cputicks(), Ordering::Relaxed);
    START_NANOS.store(sys::nanotime(), Ordering::Relaxed);
}

/// How long ago the boot began, at `now` of the other clock.
pub(crate) fn nanos_since_boot(now: u64) -> u64 {
    now.saturating_sub(START_NANOS.load(Ordering::Relaxed))
}

/// Whether cputicks count at one rate on every processor.
pub(crate) fn are_steady() -> bool {
    INFO.get().is_some_and(|info| info.invariant_tsc)
}

/// How long ago the ticks stood at `then`, in nanoseconds; nothing where ticks are no clock.
pub(crate) fn nanos_since(then: u64) -> Option<u64> {
    if !are_steady() {
        return None;
    }
    let now = arch::cputicks();
    let nanos = sys::nanotime().saturating_sub(START_NANOS.load(Ordering::Relaxed));
    let ticks = now.saturating_sub(START_TICKS.load(Ordering::Relaxed)).max(1);
    let since = u128::from(now.saturating_sub(then));
    u64::try_from(since * u128::from(nanos) / u128::from(ticks)).ok()
}

/// How many cputicks `nanos` are (Go: tickspersecond). Exact only to a few percent.
pub(crate) fn for_nanos(nanos: u64) -> u64 {
    static PER_MICRO: AtomicU64 = AtomicU64::new(0);
    let mut per_micro = PER_MICRO.load(Ordering::Relaxed);
    if per_micro == 0 {
        let elapsed = sys::nanotime().saturating_sub(START_NANOS.load(Ordering::Relaxed));
        if elapsed < ENOUGH_NANOS {
            return nanos * GUESS_PER_NANO;
        }
        let ticks = arch::cputicks().wrapping_sub(START_TICKS.load(Ordering::Relaxed));
        per_micro = (ticks / (elapsed / 1_000)).max(1);
        PER_MICRO.store(per_micro, Ordering::Relaxed);
    }
    nanos * per_micro / 1_000
}
