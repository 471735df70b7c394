//! The handshake of rule 3, hammered: an M that comes and goes as fast as it can, and a claimer that takes its P as
//! often as it can. Nobody may ever hold a P that another holds; and without the membarrier that must fail.

#![cfg(all(not(loom), target_os = "linux"))]

#[allow(dead_code, reason = "the test uses its own part of it")]
#[path = "../src/claim.rs"]
mod claim;

mod atomic {
    pub(crate) use core::sync::atomic::{AtomicU32, Ordering};
}

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, compiler_fence};
use std::thread;
use std::time::{Duration, Instant};

use claim::{Owner, Seq};
use gort_runtime_core::sys;

/// The M's id.
const M: u32 = 7;
const NOBODY: u32 = 0;
const CLAIMER: u32 = u32::MAX;
/// Some 2 us.
const USER_SPINS: u64 = 50;
/// Some 20 us in the runtime, one time in so many.
const LONG_STAY_SPINS: u64 = 500;
const LONG_STAY_EVERY: u64 = 64;

/// What the two share, each word on a cache line of its own: the reordering is the processor's then, not luck.
#[repr(align(128))]
struct Line<T>(T);

struct Arena {
    seq: Line<Seq>,
    owner: Line<Owner>,
    /// Who uses the P at the moment, by its own account.
    user: Line<AtomicU32>,
    /// Both write them: what the M has stored there keeps its store buffer busy while it comes in.
    noise: [Line<AtomicU32>; 8],
    clashes: AtomicU64,
    stop: AtomicBool,
}

impl Arena {
    fn make_noise(&self) {
        for line in &self.noise {
            line.0.store(1, Ordering::Relaxed);
        }
    }

    /// The P is used by `who`, for a moment and so many spins.
    fn using(&self, who: u32, spins: u64) {
        if self.user.0.swap(who, Ordering::Relaxed) != NOBODY {
            self.clashes.fetch_add(1, Ordering::Relaxed);
        }
        for _ in 0..spins {
            spin_loop();
        }
        if self.user.0.swap(NOBODY, Ordering::Relaxed) != who {
            self.clashes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    /// How often the claimer tried, and how often it got the P.
    claims: u64,
    taken: u64,
    /// How often the M came in and had its P, and how often it had lost it.
    kept: u64,
    lost: u64,
    clashes: u64,
}

/// Claims until `claims` were tried or `enough` says so.
fn hammer(claims: u64, heavy: impl Fn() + Sync, enough: impl Fn(u64) -> bool) -> Outcome {
    let arena = Arena {
        seq: Line(Seq::new()),
        owner: Line(Owner::new()),
        user: Line(AtomicU32::new(NOBODY)),
        noise: [const { Line(AtomicU32::new(0)) }; 8],
        clashes: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    };
    arena.owner.0.set(M);
    arena.seq.0.leave();
    let mut outcome = Outcome {
        claims: 0,
        taken: 0,
        kept: 0,
        lost: 0,
        clashes: 0,
    };
    thread::scope(|scope| {
        let m = scope.spawn(|| {
            let (mut kept, mut lost) = (0, 0);
            while !arena.stop.load(Ordering::Relaxed) {
                // User code: now short, now longer than a claim takes.
                for _ in 0..(kept + lost) % 4 * USER_SPINS {
                    spin_loop();
                }
                arena.make_noise();
                arena.seq.0.enter();
                compiler_fence(Ordering::SeqCst);
                if arena.owner.0.confirm(M) {
                    // Now and then longer than a claim takes: who claims must see that it is inside.
                    let stays = kept % LONG_STAY_EVERY == 0;
                    arena.using(M, if stays { LONG_STAY_SPINS } else { 0 });
                    kept += 1;
                } else {
                    lost += 1;
                }
                arena.seq.0.leave();
            }
            (kept, lost)
        });
        while outcome.claims < claims && !enough(arena.clashes.load(Ordering::Relaxed)) {
            arena.make_noise();
            let seen = arena.seq.0.look();
            if !Seq::is_user(seen) {
                // That claim would be none: it is refused without a fight.
                continue;
            }
            outcome.claims += 1;
            if arena.owner.0.claim(M, &arena.seq.0, seen, &heavy) {
                arena.using(CLAIMER, 0);
                outcome.taken += 1;
                // The M has it again, whether it has noticed or not.
                arena.owner.0.set(M);
            }
        }
        arena.stop.store(true, Ordering::Relaxed);
        (outcome.kept, outcome.lost) = m.join().expect("the M does not panic");
    });
    outcome.clashes = arena.clashes.load(Ordering::Relaxed);
    outcome
}

#[test]
fn no_p_is_held_twice_in_a_million_claims() {
    const CLAIMS: u64 = 1_000_000;
    if sys::membarrier_register().is_err() {
        println!("SKIPPED: this kernel has no membarrier");
        return;
    }
    let outcome = hammer(CLAIMS, || sys::membarrier().expect("registered"), |_| false);
    println!("with membarrier: {outcome:?}");
    assert_eq!(outcome.clashes, 0);
    // It was a fight: both had their share.
    assert_eq!(outcome.claims, CLAIMS);
    assert!(outcome.taken > 10_000 && outcome.kept > 10_000, "{outcome:?}");
}

#[test]
fn without_the_membarrier_it_fails() {
    // On one processor the two never run at once, and every switch between them is a fence.
    if thread::available_parallelism().is_ok_and(|n| n.get() < 2) {
        println!("SKIPPED: it takes two processors");
        return;
    }
    const AGES: Duration = Duration::from_secs(60);
    let start = Instant::now();
    let outcome = hammer(
        u64::MAX,
        || compiler_fence(Ordering::SeqCst),
        |clashes| clashes > 0 || start.elapsed() > AGES,
    );
    println!("without: {outcome:?}");
    assert!(
        outcome.clashes > 0,
        "the fence has nothing to prevent: {outcome:?}"
    );
}
