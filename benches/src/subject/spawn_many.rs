//! Spawning a thousand, then joining all of them; an operation is one of the thousand.

use super::{GoroutineSubject, TaskSubject};
use crate::peer::{Goroutines, Tasks};

const MANY: u64 = 1000;

pub(crate) struct TaskSpawnMany;

impl TaskSubject for TaskSpawnMany {
    const NAME: &'static str = "task-spawn-1000";

    async fn body<R: Tasks>(ops: u64) -> u64 {
        let batches = ops.div_ceil(MANY);
        let mut handles = Vec::with_capacity(MANY as usize);
        for _ in 0..batches {
            handles.extend((0..MANY).map(|_| R::spawn(async {})));
            for handle in handles.drain(..) {
                handle.await;
            }
        }
        batches * MANY
    }
}

pub(crate) struct GoroutineSpawnMany;

impl GoroutineSubject for GoroutineSpawnMany {
    const NAME: &'static str = "goroutine-spawn-1000";

    fn body<R: Goroutines>(ops: u64) -> u64 {
        let batches = ops.div_ceil(MANY);
        let mut handles = Vec::with_capacity(MANY as usize);
        for _ in 0..batches {
            handles.extend((0..MANY).map(|_| R::go(|| ())));
            handles.drain(..).for_each(R::join);
        }
        batches * MANY
    }
}
