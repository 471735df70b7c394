//! What a request that misbehaves has its handler do.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use gort_benches::clock::CpuClock;

const SLEEP: Duration = Duration::from_millis(50);
const BURN: Duration = Duration::from_millis(20);

/// What a handler does, without a word to its runtime, or with one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// None: it is a request like all others.
    None,
    /// Sleeps with its thread.
    Sleep,
    /// Computes, so many iterations of it.
    Burn(u64),
}

impl Trouble {
    pub(crate) fn all(speed: Speed) -> [Trouble; 3] {
        [
            Trouble::None,
            Trouble::Sleep,
            Trouble::Burn(speed.iterations(BURN)),
        ]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Trouble::None => "none",
            Trouble::Sleep => "sleep",
            Trouble::Burn(_) => "burn",
        }
    }

    pub(crate) fn named(name: &str, iterations: u64) -> Option<Trouble> {
        let all = [Trouble::None, Trouble::Sleep, Trouble::Burn(iterations)];
        all.into_iter().find(|trouble| trouble.name() == name)
    }

    /// How much of [`compute`] it is.
    pub(crate) fn iterations(self) -> u64 {
        match self {
            Trouble::Burn(iterations) => iterations,
            _ => 0,
        }
    }

    pub(crate) fn what(self) -> String {
        match self {
            Trouble::None => "no request misbehaves".to_owned(),
            Trouble::Sleep => format!("1% of the requests sleep for {SLEEP:?}"),
            Trouble::Burn(_) => format!("1% of the requests burn {BURN:?} of CPU"),
        }
    }

    pub(crate) fn make(self) {
        match self {
            Trouble::None => {}
            Trouble::Sleep => thread::sleep(SLEEP),
            Trouble::Burn(iterations) => compute(iterations),
        }
    }
}

/// A chain of steps that each wait for the one before: as long on a thread that shares its core as on one that has it
/// for itself, nothing that a compiler folds, and the same in Go (Marsaglia's xorshift).
pub(crate) fn compute(iterations: u64) {
    let mut x = black_box(1_u64);
    for _ in 0..iterations {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    black_box(x);
}

/// How fast this machine computes: all servers get the same work.
#[derive(Clone, Copy)]
pub(crate) struct Speed {
    nanos_each: f64,
}

impl Speed {
    /// By CPU time, the best of some tries: the machine may be busy.
    ///
    /// # Errors
    /// If the process has no CPU clock.
    pub(crate) fn measure() -> Result<Speed, String> {
        const TRIES: usize = 10;
        const ITERATIONS: u64 = 5_000_000;
        let mut best = f64::INFINITY;
        for _ in 0..TRIES {
            let before = CpuClock::OWN.read().map_err(|error| error.to_string())?;
            compute(ITERATIONS);
            let after = CpuClock::OWN.read().map_err(|error| error.to_string())?;
            best = best.min((after - before).as_nanos() as f64 / ITERATIONS as f64);
        }
        Ok(Speed { nanos_each: best })
    }

    pub(crate) fn iterations(self, cpu: Duration) -> u64 {
        (cpu.as_nanos() as f64 / self.nanos_each) as u64
    }
}
