//! One locked addition to a word that nobody else touches: the yardstick. Schedulers are made of little else, and
//! what it costs depends on what else the processor does: with the other hyperthread busy, twice as much.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::measure::{Reading, measure};

pub(crate) struct AtomicAdd;

impl AtomicAdd {
    pub(crate) const NAME: &'static str = "atomic-add";

    pub(crate) fn measure(target: Duration) -> Reading {
        let word = AtomicU64::new(0);
        measure(target, |ops| {
            for _ in 0..ops {
                black_box(&word).fetch_add(1, Ordering::AcqRel);
            }
            ops
        })
    }
}
