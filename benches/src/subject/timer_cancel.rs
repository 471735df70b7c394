//! Arming a timer and taking it back, as every timeout that is kept does, while a thousand others are armed.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::TaskSubject;
use crate::peer::Tasks;

const LIVE: u64 = 1000;
/// What the first of them waits for; none fires.
const FAR: Duration = Duration::from_secs(3600);

pub(crate) struct TimerCancel;

impl TaskSubject for TimerCancel {
    const NAME: &'static str = "timer-insert-cancel";

    async fn body<R: Tasks>(ops: u64) -> u64 {
        let mut live = Vec::new();
        for i in 0..LIVE {
            let mut sleep = Box::pin(R::sleep(deadline(i)));
            arm(sleep.as_mut()).await;
            live.push(sleep);
        }
        for i in 0..ops {
            let mut sleep = pin!(R::sleep(deadline(i % LIVE)));
            arm(sleep.as_mut()).await;
        }
        drop(live);
        ops
    }
}

fn deadline(i: u64) -> Duration {
    FAR + Duration::from_millis(i)
}

/// Polls it once.
async fn arm(mut sleep: Pin<&mut (impl Future<Output = ()> + Send)>) {
    poll_fn(|cx| {
        assert!(sleep.as_mut().poll(cx).is_pending(), "a timer fired early");
        Poll::Ready(())
    })
    .await;
}
