//! may: goroutines that move between threads with their frames.

use may::coroutine::{self, JoinHandle};
use may::sync::mpsc::{self, Receiver, Sender};

use super::{Goroutines, WORKERS};

pub(crate) struct May;

impl Goroutines for May {
    const NAME: &'static str = "may";

    type Handle = JoinHandle<()>;
    type Sender = Sender<()>;
    type Receiver = Receiver<()>;

    fn run<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
        may::config().set_workers(WORKERS);
        // SAFETY: as in `go`.
        unsafe { coroutine::spawn(body) }
            .join()
            .expect("the goroutine panicked")
    }

    fn go(body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        // SAFETY: the subjects' closures keep nothing of a thread's across a wait, and need little stack.
        unsafe { coroutine::spawn(body) }
    }

    fn join(handle: JoinHandle<()>) {
        handle.join().expect("the goroutine panicked");
    }

    fn yield_now() {
        coroutine::yield_now();
    }

    fn channel() -> (Sender<()>, Receiver<()>) {
        mpsc::channel()
    }

    fn send(sender: &Sender<()>) {
        sender.send(()).expect("the receiver is there");
    }

    fn receive(receiver: &Receiver<()>) {
        receiver.recv().expect("the sender is there");
    }
}
