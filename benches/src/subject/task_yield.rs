//! One task that yields, with nobody to yield to: the way out of a poll, through the scheduler and back.

use super::TaskSubject;
use crate::peer::Tasks;

pub(crate) struct TaskYield;

impl TaskSubject for TaskYield {
    const NAME: &'static str = "task-yield";

    async fn body<R: Tasks>(ops: u64) -> u64 {
        for _ in 0..ops {
            R::yield_now().await;
        }
        ops
    }
}
