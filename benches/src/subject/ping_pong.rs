//! Two that send a message to and fro; an operation is a round trip.

use std::sync::Arc;

use super::{GoroutineSubject, Slot, TaskSubject};
use crate::peer::{Goroutines, Tasks};

pub(crate) struct TaskPingPong;

impl TaskSubject for TaskPingPong {
    const NAME: &'static str = "task-ping-pong";

    async fn body<R: Tasks>(ops: u64) -> u64 {
        let (ping, pong) = (Arc::new(Slot::new()), Arc::new(Slot::new()));
        let (their_ping, their_pong) = (Arc::clone(&ping), Arc::clone(&pong));
        let other = R::spawn(async move {
            for _ in 0..ops {
                their_ping.take().await;
                their_pong.put().await;
            }
        });
        for _ in 0..ops {
            ping.put().await;
            pong.take().await;
        }
        other.await;
        ops
    }
}

pub(crate) struct GoroutinePingPong;

impl GoroutineSubject for GoroutinePingPong {
    const NAME: &'static str = "goroutine-ping-pong";

    fn body<R: Goroutines>(ops: u64) -> u64 {
        let (ping, their_ping) = R::channel();
        let (their_pong, pong) = R::channel();
        let other = R::go(move || {
            for _ in 0..ops {
                R::receive(&their_ping);
                R::send(&their_pong);
            }
        });
        for _ in 0..ops {
            R::send(&ping);
            R::receive(&pong);
        }
        R::join(other);
        ops
    }
}
