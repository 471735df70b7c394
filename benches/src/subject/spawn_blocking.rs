//! A closure that does nothing, on a thread for what blocks; one at a time: there and back.

use super::TaskSubject;
use crate::peer::Tasks;

pub(crate) struct SpawnBlocking;

impl TaskSubject for SpawnBlocking {
    const NAME: &'static str = "spawn-blocking";

    async fn body<R: Tasks>(ops: u64) -> u64 {
        for _ in 0..ops {
            R::spawn_blocking(|| ()).await;
        }
        ops
    }
}
