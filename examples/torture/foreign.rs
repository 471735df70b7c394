//! Threads that gort did not make. Couriers get wakers and wake them; visitors are actors of their own, which wait by
//! blocking their thread.

use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::actor;
use crate::books::{ERRANDS, Entry};
use crate::child;
use crate::event::Event;
use crate::random::Random;
use crate::world::world;

/// How many threads carry wakers. A courier never waits for anything but its next errand.
const COURIERS: usize = 3;
/// How many actors are foreign threads.
pub(crate) const VISITORS: usize = 3;

/// For a courier.
pub(crate) enum Errand {
    Set(Event),
    Wake(Waker),
    WakeByRef(Waker),
    CloneAndDrop(Waker),
    /// Start a task that sets it.
    SpawnAndSet(Event),
    /// Start a goroutine that sets it.
    GoAndSet(Event),
}

pub(crate) struct Foreign {
    couriers: Vec<Sender<(Errand, Entry)>>,
}

impl Foreign {
    /// Starts the couriers.
    pub(crate) fn new() -> Foreign {
        let couriers = (0..COURIERS).map(|_| {
            let (sender, errands) = channel();
            thread::spawn(move || carry(&errands));
            sender
        });
        Foreign {
            couriers: couriers.collect(),
        }
    }

    pub(crate) fn send(&self, errand: Errand, random: &mut Random) {
        let courier = &self.couriers[random.below(COURIERS)];
        let sent = courier.send((errand, ERRANDS.open()));
        sent.expect("a courier lives for ever");
    }

    /// Starts the visitors, which live until the time is over. Each sets its event at its end.
    pub(crate) fn visit(random: &mut Random) -> Vec<Event> {
        let visit = |_| {
            let (left, theirs) = (Event::new(), random.fork());
            let mine = left.clone();
            thread::spawn(move || {
                gort::block_on(actor::live(theirs));
                mine.set();
            });
            left
        };
        (0..VISITORS).map(visit).collect()
    }

    /// How many threads there are of both kinds, at most.
    pub(crate) fn threads() -> usize {
        COURIERS + VISITORS
    }
}

fn carry(errands: &Receiver<(Errand, Entry)>) {
    for (errand, entry) in errands {
        match errand {
            Errand::Set(event) => event.set(),
            Errand::Wake(waker) => waker.wake(),
            Errand::WakeByRef(waker) => waker.wake_by_ref(),
            Errand::CloneAndDrop(waker) => (0..10).for_each(|_| drop(waker.clone())),
            Errand::SpawnAndSet(event) => child::task(0, async move { event.set() }).forget(),
            Errand::GoAndSet(event) => child::goroutine(0, move || event.set()).forget(),
        }
        entry.done();
    }
}

/// An event that a foreign thread sets, directly or through a task or goroutine.
pub(crate) fn event(random: &mut Random) -> Event {
    let event = Event::new();
    let errand = match random.below(4) {
        0 | 1 => Errand::Set,
        2 => Errand::SpawnAndSet,
        _ => Errand::GoAndSet,
    };
    world().foreign.send(errand(event.clone()), random);
    event
}

/// Hands its wakers to couriers, in every way there is, and is ready after so many polls.
pub(crate) struct Restless {
    polls: usize,
    random: Random,
}

impl Restless {
    pub(crate) fn new(polls: usize, random: &mut Random) -> Restless {
        Restless {
            polls,
            random: random.fork(),
        }
    }
}

impl Future for Restless {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.polls == 0 {
            return Poll::Ready(());
        }
        self.polls -= 1;
        let random = &mut self.random;
        let wake = if random.one_in(2) {
            Errand::Wake
        } else {
            Errand::WakeByRef
        };
        let foreign = &world().foreign;
        foreign.send(Errand::CloneAndDrop(cx.waker().clone()), random);
        foreign.send(wake(cx.waker().clone()), random);
        Poll::Pending
    }
}
