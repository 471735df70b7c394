//! The runtimes that are measured, behind two traits: one for those with tasks, one for those with goroutines.
//! Each subject is written once for each trait, so that all runtimes do the same work.

mod gort;
mod may;
mod smol;
mod tokio;

use std::time::Duration;

pub(crate) use gort::Gort;
pub(crate) use may::May;
pub(crate) use smol::Smol;
pub(crate) use tokio::{TokioCurrentThread, TokioMultiThread};

/// What the others are compared to.
pub(crate) const GORT: &str = "gort";

/// How many threads each runtime may use, but for those that know one only.
pub const WORKERS: usize = 2;

/// A runtime of async tasks.
pub(crate) trait Tasks: 'static {
    const NAME: &'static str;

    /// Runs a future as a task of its own, and waits for it on the calling thread. Once a process.
    fn run<F>(future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static;

    /// Spawns a task; gives its handle. The task's panic is the handle's.
    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send> + Send + 'static;

    fn yield_now() -> impl Future<Output = ()> + Send;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;

    /// Runs a closure on a thread that is there for what blocks.
    fn spawn_blocking(body: impl FnOnce() + Send + 'static) -> impl Future<Output = ()> + Send;
}

/// A runtime of goroutines: blocking code on stacks of its own.
pub(crate) trait Goroutines: 'static {
    const NAME: &'static str;

    /// What joins one.
    type Handle;
    /// The ends of a channel.
    type Sender: Send + 'static;
    type Receiver: Send + 'static;

    /// Runs a closure as a goroutine, and waits for it on the calling thread. Once a process.
    fn run<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T;

    fn go(body: impl FnOnce() + Send + 'static) -> Self::Handle;

    fn join(handle: Self::Handle);

    fn yield_now();

    fn channel() -> (Self::Sender, Self::Receiver);

    fn send(sender: &Self::Sender);

    fn receive(receiver: &Self::Receiver);
}
