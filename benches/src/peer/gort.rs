//! gort, in library mode: it has both.

use std::sync::Arc;
use std::time::Duration;

use gort::{JoinHandle, Wait};

use super::{GORT, Goroutines, Tasks};
use crate::subject::Slot;

pub(crate) struct Gort;

impl Tasks for Gort {
    const NAME: &'static str = GORT;

    fn run<F>(future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        gort::spawn(future).wait().expect("the task panicked")
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let handle = gort::spawn(future);
        async { handle.await.expect("the task panicked") }
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        gort::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        gort::time::sleep(duration)
    }

    async fn spawn_blocking(body: impl FnOnce() + Send + 'static) {
        gort::task::spawn_blocking(body)
            .await
            .expect("the closure panicked");
    }
}

impl Goroutines for Gort {
    const NAME: &'static str = GORT;

    type Handle = JoinHandle<()>;
    type Sender = Arc<Slot>;
    type Receiver = Arc<Slot>;

    fn run<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
        gort::go(body).wait().expect("the goroutine panicked")
    }

    fn go(body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        gort::go(body)
    }

    fn join(handle: JoinHandle<()>) {
        handle.wait().expect("the goroutine panicked");
    }

    fn yield_now() {
        gort::task::yield_now().wait();
    }

    fn channel() -> (Arc<Slot>, Arc<Slot>) {
        let slot = Arc::new(Slot::new());
        (Arc::clone(&slot), slot)
    }

    fn send(sender: &Arc<Slot>) {
        sender.put().wait();
    }

    fn receive(receiver: &Arc<Slot>) {
        receiver.take().wait();
    }
}
