//! A non-blocking fd that is registered with the poller, and the three ways to run an operation on it: await
//! it, park in it, poll it.
//!
//! Every socket type of [`net`](crate::net) is one of these behind an `Arc`, so that it cannot be closed
//! while somebody waits for it.

use std::io;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use gort_runtime_core::{WaitReason, poll_proceed, proceed, wait, waits_for};
use mio::Interest;
use pin_project_lite::pin_project;

use crate::desc::side::Park;
use crate::op::{Attempt, Op};
use crate::registration::{Direction, Registration, Start};

/// `S` does the system calls.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    /// Declared, and so dropped, before `source`: deregistration precedes close.
    registration: Registration,
    source: S,
}

impl<S: AsFd> Socket<S> {
    /// Takes over `source`, which must be non-blocking.
    pub(crate) fn new(source: S, interest: Interest, start: Start) -> io::Result<Self> {
        let registration = Registration::new(source.as_fd(), interest, start)?;
        Ok(Socket { registration, source })
    }
}

impl<S> Socket<S> {
    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// Deregisters.
    pub(crate) fn into_source(self) -> S {
        let Socket { registration, source } = self;
        drop(registration);
        source
    }

    /// Runs `run` when `direction` is ready, until it does not block. Waiters are served in order of arrival.
    ///
    /// Cancel safe: `run` has been run to completion, or without effect.
    pub(crate) fn io<T>(
        &self,
        direction: Direction,
        reason: WaitReason,
        mut run: impl FnMut(&S) -> Attempt<T>,
    ) -> impl Future<Output = T> {
        let op = Op::new(self.registration.side(direction), move || run(&self.source));
        Reasoned { op, reason }
    }

    /// As `io`, but parks the calling goroutine (or blocks a thread that is not one of gort's).
    #[track_caller]
    pub(crate) fn io_blocking<T>(
        &self,
        direction: Direction,
        reason: WaitReason,
        mut run: impl FnMut(&S) -> Attempt<T>,
    ) -> T {
        proceed();
        let side = self.registration.side(direction);
        let mut run = || run(&self.source);
        if let Some(done) = side.attempt(&mut run) {
            side.pass_on();
            return done;
        }
        let mut op = pin!(Op::new(side, run));
        wait(reason, |cx| op.as_mut().poll(cx))
    }

    /// As `io`, for the `poll_*` traits. Any number of tasks may do so at once; an event wakes all of them.
    pub(crate) fn poll_io<T>(
        &self,
        direction: Direction,
        reason: WaitReason,
        cx: &mut Context<'_>,
        mut run: impl FnMut(&S) -> Attempt<T>,
    ) -> Poll<T> {
        ready!(poll_proceed(cx));
        let side = self.registration.side(direction);
        let mut run = || run(&self.source);
        loop {
            if let Some(done) = side.attempt(&mut run) {
                side.pass_on();
                return Poll::Ready(done);
            }
            match side.park_slot(cx.waker()) {
                Park::Parked => {
                    waits_for(reason);
                    return Poll::Pending;
                }
                Park::Ready => {}
            }
        }
    }

    /// Runs `run` if `direction` is ready now.
    ///
    /// # Errors
    /// `WouldBlock` if it is not, and what `run` says.
    pub(crate) fn try_io<T>(
        &self,
        direction: Direction,
        mut run: impl FnMut(&S) -> Attempt<io::Result<T>>,
    ) -> io::Result<T> {
        let side = self.registration.side(direction);
        match side.attempt(&mut || run(&self.source)) {
            Some(done) => {
                side.pass_on();
                done
            }
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Waits until an operation in `direction` is worth a try.
    pub(crate) async fn ready(&self, direction: Direction) {
        self.io(direction, direction.reason(), |_| Attempt::Done(()))
            .await;
    }
}

pin_project! {
    /// An operation that says why it waits.
    struct Reasoned<F> {
        #[pin]
        op: F,
        reason: WaitReason,
    }
}

impl<F: Future> Future for Reasoned<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let poll = this.op.poll(cx);
        if poll.is_pending() {
            waits_for(*this.reason);
        }
        poll
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::*;

    /// Data and end come in one event, and the event before the read: a short read clears nothing then, since
    /// no other event will come.
    #[test]
    fn a_short_read_after_the_event_of_the_end_leaves_it_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        server.set_nonblocking(true).unwrap();
        client.write_all(b"last words").unwrap();
        client.shutdown(Shutdown::Write).unwrap();

        let socket = Socket::new(server, Interest::READABLE, Start::Ready).unwrap();
        let side = socket.registration.side(Direction::Read);
        // Not until the word changes: the event may have come before anybody looked.
        while !side.seen().is_sticky() {
            std::thread::yield_now();
        }
        let mut buf = [0; 100];
        let mut read = |mut source: &TcpStream| Attempt::stream(100, || source.read(&mut buf));
        assert_eq!(socket.try_io(Direction::Read, &mut read).unwrap(), 10);
        assert!(side.seen().is_ready());
        assert_eq!(
            socket
                .io_blocking(Direction::Read, WaitReason::IoRead, &mut read)
                .unwrap(),
            0
        );
    }

    /// Nothing is read twice to find out that nothing is left.
    #[test]
    fn a_short_read_is_the_last_one_until_the_next_event() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        server.set_nonblocking(true).unwrap();
        let socket = Socket::new(server, Interest::READABLE, Start::Ready).unwrap();
        let (mut calls, mut buf) = (0, [0; 100]);
        let mut read = |mut source: &TcpStream| {
            calls += 1;
            Attempt::stream(100, || source.read(&mut buf))
        };
        assert!(socket.try_io(Direction::Read, &mut read).is_err());
        for _ in 0..100 {
            client.write_all(b"request").unwrap();
            assert_eq!(
                socket
                    .io_blocking(Direction::Read, WaitReason::IoRead, &mut read)
                    .unwrap(),
                7
            );
            assert!(!socket.registration.side(Direction::Read).seen().is_ready());
            assert!(socket.try_io(Direction::Read, &mut read).is_err());
        }
        assert_eq!(calls, 101);
    }
}
