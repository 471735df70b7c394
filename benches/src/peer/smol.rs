//! smol, on its global executor. `run` sets SMOL_THREADS in each child's environment.

use std::time::Duration;

use super::Tasks;

pub(crate) struct Smol;

impl Tasks for Smol {
    const NAME: &'static str = "smol";

    fn run<F>(future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        smol::block_on(smol::spawn(future))
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send> + Send + 'static,
    {
        smol::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        smol::future::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        let timer = smol::Timer::after(duration);
        async {
            timer.await;
        }
    }

    async fn spawn_blocking(body: impl FnOnce() + Send + 'static) {
        smol::unblock(body).await;
    }
}
