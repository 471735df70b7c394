//! One goroutine that yields, with nobody to yield to.

use super::GoroutineSubject;
use crate::peer::Goroutines;

pub(crate) struct GoroutineYield;

impl GoroutineSubject for GoroutineYield {
    const NAME: &'static str = "goroutine-yield";

    fn body<R: Goroutines>(ops: u64) -> u64 {
        for _ in 0..ops {
            R::yield_now();
        }
        ops
    }
}
