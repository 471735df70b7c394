//! What all actors share: the time that is left, the threads that know nothing of gort, the server.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::books;
use crate::foreign::Foreign;

/// New connections a second. Each leaves a port behind that cannot be used for a minute.
const CONNECTIONS_PER_SECOND: u64 = 250;
/// So many at once before the rate counts.
const CONNECTIONS_AT_ONCE: u64 = 50;
/// As many may be open: each has two descriptors.
const MOST_CONNECTIONS: u64 = 300;
/// Bodies that may be open before actors start no more than they must.
const MOST_BODIES: u64 = 10_000;

pub(crate) struct World {
    begun: Instant,
    until: Instant,
    pub(crate) foreign: Foreign,
    /// A server that sends back what it gets.
    pub(crate) echo: SocketAddr,
    connections: AtomicU64,
}

static WORLD: OnceLock<World> = OnceLock::new();

/// To be called once, before there is any actor.
pub(crate) fn make(duration: Duration, foreign: Foreign, echo: SocketAddr) -> &'static World {
    let begun = Instant::now();
    WORLD.get_or_init(|| World {
        begun,
        until: begun + duration,
        foreign,
        echo,
        connections: AtomicU64::new(0),
    })
}

pub(crate) fn world() -> &'static World {
    WORLD.get().expect("made before there is any actor")
}

impl World {
    /// How long it has been since the beginning.
    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// False: it is time to come to an end.
    pub(crate) fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// Whether many more bodies may be started.
    pub(crate) fn has_room(&self) -> bool {
        self.goes_on() && books::open_bodies() < MOST_BODIES
    }

    /// Whether another `n` connections may be made.
    pub(crate) fn may_connect(&self, n: u64) -> bool {
        let allowed = CONNECTIONS_AT_ONCE + self.age().as_secs() * CONNECTIONS_PER_SECOND;
        let open = books::CLIENTS.count().open() + books::SERVED.count().open();
        let count = |made: u64| (made + n <= allowed).then_some(made + n);
        open < MOST_CONNECTIONS && self.connections.fetch_update(SeqCst, SeqCst, count).is_ok()
    }
}
