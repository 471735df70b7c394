//! What the socket tests share: waiting on a plain thread, giving up a wait, connected pairs.
#![allow(dead_code)]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use gort_netpoll::net::{TcpListener, TcpStream};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks the thread until `future` is done.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    block_on_unless(future, &AtomicBool::new(false)).unwrap()
}

/// Blocks the thread until `future` is done or, when somebody unparks the thread, `cancelled` is set.
pub(crate) fn block_on_unless<F: Future>(future: F, cancelled: &AtomicBool) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut cx) {
            return Some(done);
        }
        if cancelled.load(SeqCst) {
            return None;
        }
        thread::park();
    }
}

/// Polls once.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) fn listen() -> TcpListener {
    block_on(TcpListener::bind("127.0.0.1:0")).unwrap()
}

/// A connection over loopback.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = listen();
    let client = block_on(TcpStream::connect(listener.local_addr().unwrap())).unwrap();
    let (server, addr) = block_on(listener.accept()).unwrap();
    assert_eq!(addr, client.local_addr().unwrap());
    (client, server)
}

/// Bytes that look random and are the same each time.
pub(crate) fn noise(len: usize, mut seed: u64) -> Vec<u8> {
    (0..len)
        .map(|_| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 56) as u8
        })
        .collect()
}
