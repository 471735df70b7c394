//! tokio, in both of its flavours.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::{Tasks, WORKERS};

/// Work stealing among [`WORKERS`] threads.
pub(crate) struct TokioMultiThread;

/// One thread, that of `block_on`.
pub(crate) struct TokioCurrentThread;

impl TokioMultiThread {
    pub(crate) fn runtime() -> Runtime {
        Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_all()
            .build()
            .expect("tokio starts")
    }
}

impl TokioCurrentThread {
    pub(crate) fn runtime() -> Runtime {
        Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("tokio starts")
    }
}

fn run<F>(runtime: &Runtime, future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let task = runtime.spawn(future);
    runtime.block_on(task).expect("the task panicked")
}

fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
where
    F: Future<Output: Send> + Send + 'static,
{
    let handle = tokio::spawn(future);
    async { handle.await.expect("the task panicked") }
}

impl Tasks for TokioMultiThread {
    const NAME: &'static str = "tokio-mt";

    fn run<F>(future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        run(&TokioMultiThread::runtime(), future)
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send> + Send + 'static,
    {
        spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep(duration)
    }

    async fn spawn_blocking(body: impl FnOnce() + Send + 'static) {
        tokio::task::spawn_blocking(body)
            .await
            .expect("the closure panicked");
    }
}

impl Tasks for TokioCurrentThread {
    const NAME: &'static str = "tokio-ct";

    fn run<F>(future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        run(&TokioCurrentThread::runtime(), future)
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send> + Send + 'static,
    {
        spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep(duration)
    }

    async fn spawn_blocking(body: impl FnOnce() + Send + 'static) {
        tokio::task::spawn_blocking(body)
            .await
            .expect("the closure panicked");
    }
}
