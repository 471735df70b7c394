//! Sleeping for no time at all, again and again. tokio's clock ticks once a millisecond, and it waits for the tick.

use std::time::Duration;

use super::TaskSubject;
use crate::peer::Tasks;

pub(crate) struct TimerZero;

impl TaskSubject for TimerZero {
    const NAME: &'static str = "timer-sleep-0";

    async fn body<R: Tasks>(ops: u64) -> u64 {
        for _ in 0..ops {
            R::sleep(Duration::ZERO).await;
        }
        ops
    }
}
