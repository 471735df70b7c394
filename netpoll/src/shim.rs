//! Stands in for what runtime-core does not offer yet: waiting, by blocking the thread, and somebody who polls.
//!
//! Nothing but `crate::shim::{WaitReason, install, wait}` is used of it.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use gort_runtime_core::poller::{Delay, Poller};

pub(crate) use gort_wait_reason::WaitReason;

mod gort_wait_reason {
    /// Why a goroutine waits.
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum WaitReason {
        IoRead,
        IoWrite,
        Accept,
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Wakes the calling thread from `thread::park`.
pub(crate) fn waker() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

/// Blocks the thread until `poll` is ready.
#[track_caller]
pub(crate) fn wait<T>(_reason: WaitReason, poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let mut poll = poll;
    let waker = waker();
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(done) = poll(&mut cx) {
            return done;
        }
        thread::park();
    }
}

/// Starts a thread that polls for ever.
pub(crate) fn install(poller: &'static dyn Poller) {
    let polling = move || {
        loop {
            if poller.poll(Delay::Forever, &mut Waker::wake).is_err() {
                return;
            }
        }
    };
    let _ = thread::Builder::new().name("netpoll".into()).spawn(polling);
}
