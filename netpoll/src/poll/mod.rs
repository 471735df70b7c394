//! [`NetPoll`]: the process's one mio poll behind runtime-core's [`Poller`].
//!
//! Ms call [`Poller::poll`] on g0: it enters no global allocator, runs no user code and takes no lock that
//! user code is ever run under. Anyone may call [`Poller::wake`]. It comes to life, and is installed, with
//! the first registration of the process.

mod timerfd;
mod wakesig;

use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{OnceLock, PoisonError, TryLockError};
use std::task::Waker;
use std::time::Duration;

use gort_runtime_core::Mutex;
use gort_runtime_core::ensure_booted;
use gort_runtime_core::install_poller;
use gort_runtime_core::poller::{Delay, Poller};
use mio::event::Event;
use mio::{Events, Registry, Token};

use crate::desc::slab::Key;
use crate::desc::{PollDesc, Readiness};
use crate::registration::SLAB;
use timerfd::TimerFd;
use wakesig::WakeSig;

/// Events taken from the kernel at a time. What does not fit stays for the next poll.
const EVENTS: usize = 256;

const WAKE: Token = Token(Key::LIMIT);
const TIMER: Token = Token(Key::LIMIT + 1);

static NETPOLL: OnceLock<NetPoll> = OnceLock::new();
/// Held while NETPOLL is made.
static STARTING: Mutex<()> = Mutex::new(());

/// The network poller. Go: netpoll.go, netpoll_epoll.go.
#[derive(Debug)]
pub struct NetPoll {
    registry: Registry,
    wakesig: WakeSig,
    /// The M that polls has it.
    turn: Mutex<Turn>,
    /// A descriptor that somebody waited for when that was last asked.
    waited_for: AtomicU32,
}

#[derive(Debug)]
struct Turn {
    poll: mio::Poll,
    events: Events,
    timer: TimerFd,
}

impl NetPoll {
    /// The poller, which the first call makes and installs.
    pub(crate) fn get() -> io::Result<&'static NetPoll> {
        match NETPOLL.get() {
            Some(netpoll) => Ok(netpoll),
            None => NetPoll::start(),
        }
    }

    #[cold]
    fn start() -> io::Result<&'static NetPoll> {
        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(netpoll) = NETPOLL.get() {
            return Ok(netpoll);
        }
        let made = NetPoll::new()?;
        let netpoll = NETPOLL.get_or_init(|| made);
        install_poller(netpoll);
        // Somebody must poll, also if all of the program's threads are its own.
        ensure_booted();
        Ok(netpoll)
    }

    fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let wakesig = WakeSig::new(&registry, WAKE)?;
        let timer = TimerFd::new(&registry, TIMER)?;
        let turn = Turn {
            poll,
            events: Events::with_capacity(EVENTS),
            timer,
        };
        Ok(NetPoll {
            registry,
            wakesig,
            turn: Mutex::new(turn),
            waited_for: AtomicU32::new(0),
        })
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl Poller for NetPoll {
    fn poll(&self, delay: Delay, ready: &mut dyn FnMut(Waker)) -> io::Result<()> {
        let mut turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        let Turn { poll, events, timer } = &mut *turn;
        let blocks = match delay {
            Delay::Now | Delay::Nanos(0) => false,
            Delay::Nanos(nanos) => {
                timer.arm(nanos)?;
                true
            }
            Delay::Forever => {
                timer.disarm()?;
                true
            }
        };
        let polled = if blocks && self.wakesig.enter() {
            let polled = poll.poll(events, None);
            self.wakesig.leave();
            polled
        } else {
            poll.poll(events, Some(Duration::ZERO))
        };
        match polled {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in events.iter() {
            match event.token() {
                WAKE => {}
                TIMER => timer.fired(),
                token => {
                    let key = Key::from_token(token);
                    if let Some(desc) = SLAB.get(key.index) {
                        desc.event(key.seq, readiness(event), ready);
                    }
                }
            }
        }
        Ok(())
    }

    fn wake(&self) {
        self.wakesig.wake();
    }

    /// Go: netpollAnyWaiters. One descriptor is looked at, as a rule: a server's listener is always waited for. A count of
    /// all waiters instead would be a word that every wait of every M writes.
    fn has_waiters(&self) -> bool {
        let last = self.waited_for.load(Relaxed);
        if SLAB.get(last).is_some_and(PollDesc::has_waiters) {
            return true;
        }
        let Some(found) = SLAB.iter().position(PollDesc::has_waiters) else {
            return false;
        };
        self.waited_for.store(found as u32, Relaxed);
        true
    }
}

/// Hang-ups and errors concern both sides; urgent data makes short reads mean nothing (netpoll/README.md).
fn readiness(event: &Event) -> Readiness {
    Readiness {
        read: event.is_readable(),
        read_sticky: event.is_read_closed() || event.is_error() || event.is_priority(),
        write: event.is_writable(),
        write_sticky: event.is_write_closed() || event.is_error(),
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
