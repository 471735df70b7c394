//! Spawning and joining, one by one: the spawner waits for each before it spawns the next.

use super::{GoroutineSubject, TaskSubject};
use crate::peer::{Goroutines, Tasks};

pub(crate) struct TaskSpawnJoin;

impl TaskSubject for TaskSpawnJoin {
    const NAME: &'static str = "task-spawn-join";

    async fn body<R: Tasks>(ops: u64) -> u64 {
        for _ in 0..ops {
            R::spawn(async {}).await;
        }
        ops
    }
}

pub(crate) struct GoroutineSpawnJoin;

impl GoroutineSubject for GoroutineSpawnJoin {
    const NAME: &'static str = "goroutine-spawn-join";

    fn body<R: Goroutines>(ops: u64) -> u64 {
        for _ in 0..ops {
            R::join(R::go(|| ()));
        }
        ops
    }
}
