//! One task that wakes itself and returns Pending: what a yield is without the runtime's help.

use std::future::poll_fn;
use std::task::Poll;

use super::TaskSubject;
use crate::peer::Tasks;

pub(crate) struct SelfWake;

impl TaskSubject for SelfWake {
    const NAME: &'static str = "task-self-wake";

    async fn body<R: Tasks>(ops: u64) -> u64 {
        let mut left = ops;
        poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        ops
    }
}
