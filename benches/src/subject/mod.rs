//! What is measured inside of one process. Each subject is one file, one type, and one body that does so many
//! operations: on every runtime of tasks or on every runtime of goroutines.

mod atomic_add;
mod goroutine_yield;
mod ping_pong;
mod self_wake;
mod slot;
mod spawn_blocking;
mod spawn_join;
mod spawn_many;
mod switch_pair;
mod task_yield;
mod timer_cancel;
mod timer_zero;

use std::time::Duration;

pub(crate) use atomic_add::AtomicAdd;
pub(crate) use goroutine_yield::GoroutineYield;
pub(crate) use ping_pong::{GoroutinePingPong, TaskPingPong};
pub(crate) use self_wake::SelfWake;
pub(crate) use slot::Slot;
pub(crate) use spawn_blocking::SpawnBlocking;
pub(crate) use spawn_join::{GoroutineSpawnJoin, TaskSpawnJoin};
pub(crate) use spawn_many::{GoroutineSpawnMany, TaskSpawnMany};
pub(crate) use switch_pair::SwitchPair;
pub(crate) use task_yield::TaskYield;
pub(crate) use timer_cancel::TimerCancel;
pub(crate) use timer_zero::TimerZero;

use crate::measure::{Reading, measure, measure_async};
use crate::peer::{Goroutines, Tasks};

/// Something that tasks do.
pub(crate) trait TaskSubject: 'static {
    const NAME: &'static str;

    /// Does about `ops` operations, in a task; says how many.
    fn body<R: Tasks>(ops: u64) -> impl Future<Output = u64> + Send;

    /// A reading of at least `target`.
    fn measure<R: Tasks>(target: Duration) -> Reading {
        R::run(measure_async(target, Self::body::<R>))
    }
}

/// Something that goroutines do.
pub(crate) trait GoroutineSubject: 'static {
    const NAME: &'static str;

    /// Does about `ops` operations, on a goroutine; says how many.
    fn body<R: Goroutines>(ops: u64) -> u64;

    /// A reading of at least `target`.
    fn measure<R: Goroutines>(target: Duration) -> Reading {
        R::run(move || measure(target, Self::body::<R>))
    }
}
