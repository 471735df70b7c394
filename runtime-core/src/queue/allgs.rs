//! The list of all Gs (Go: allgs), in shards. A G enters in `newproc` and leaves when its body has ended, before it
//! can be freed, so whoever holds a shard's lock may look at every G in it.

use std::cell::Cell;

use crate::g::Gp;
use crate::lock::{Guard, Lock, Rank};

/// Goids come in batches per P (Go: _GoidCacheBatch), and a batch shares a shard: Ps rarely meet at one lock.
const SHARDS: usize = 16;
pub(crate) const GOID_BATCH: u64 = 16;

/// The links of one G: under its shard's lock.
pub(crate) struct AllLinks {
    prev: Cell<Option<Gp>>,
    next: Cell<Option<Gp>>,
}

impl AllLinks {
    /// Where the link to the next G lies, for debuggers.
    pub(crate) const NEXT: usize = std::mem::offset_of!(AllLinks, next);

    pub(crate) const fn new() -> AllLinks {
        AllLinks {
            prev: Cell::new(None),
            next: Cell::new(None),
        }
    }
}

struct Shard {
    head: Option<Gp>,
    /// Where a [`Walk`] goes on.
    cursor: Option<Gp>,
    /// Gs in it that are not the runtime's own.
    users: usize,
}

#[repr(align(64))]
struct Aligned(Lock<Shard>);

static ALL: [Aligned; SHARDS] = [const {
    Aligned(Lock::new(
        Rank::AllGs,
        Shard {
            head: None,
            cursor: None,
            users: 0,
        },
    ))
}; SHARDS];

fn shard(g: Gp) -> &'static Lock<Shard> {
    &ALL[(g.g().goid.get() / GOID_BATCH) as usize % SHARDS].0
}

/// Go: allgadd. The goid is set.
pub(crate) fn add(g: Gp) {
    let mut shard = shard(g).lock();
    let links = &g.g().all;
    if let Some(head) = shard.head {
        head.g().all.prev.set(Some(g));
    }
    links.next.set(shard.head);
    shard.head = Some(g);
    shard.users += usize::from(!g.g().state.is_system());
}

/// Before the memory goes.
pub(crate) fn remove(g: Gp) {
    let mut shard = shard(g).lock();
    let links = &g.g().all;
    if shard.cursor == Some(g) {
        shard.cursor = links.next.get();
    }
    match links.prev.get() {
        Some(prev) => prev.g().all.next.set(links.next.get()),
        None => shard.head = links.next.get(),
    }
    if let Some(next) = links.next.get() {
        next.g().all.prev.set(links.prev.get());
    }
    shard.users -= usize::from(!g.g().state.is_system());
}

/// How many Gs there are that are not the runtime's own and have not ended. Walks no list.
pub(crate) fn users() -> usize {
    ALL.iter().map(|shard| shard.0.lock().users).sum()
}

/// A shard has one cursor: one walk at a time.
static WALKING: Lock<()> = Lock::new(Rank::Walk, ());

/// A walk through all Gs in steps, between which they may come and go: it shows each G that was there when its shard's
/// turn came and is there still.
pub(crate) struct Walk {
    shard: usize,
    /// The shard's cursor is this walk's.
    entered: bool,
    _walking: Guard<'static, ()>,
}

impl Walk {
    /// From the first, once there is no other walk.
    pub(crate) fn new() -> Walk {
        Walk::begin(WALKING.lock())
    }

    /// From the first, if there is no other walk.
    pub(crate) fn try_new() -> Option<Walk> {
        WALKING.try_lock().map(Walk::begin)
    }

    fn begin(walking: Guard<'static, ()>) -> Walk {
        Walk {
            shard: 0,
            entered: false,
            _walking: walking,
        }
    }

    /// Shows the next Gs, at most `max`, each under its shard's lock. False: there are no more.
    pub(crate) fn step(&mut self, mut max: usize, mut show: impl FnMut(Gp)) -> bool {
        while let Some(shard) = ALL.get(self.shard) {
            let mut shard = shard.0.lock();
            if !self.entered {
                shard.cursor = shard.head;
                self.entered = true;
            }
            while let Some(g) = shard.cursor {
                if max == 0 {
                    return true;
                }
                max -= 1;
                show(g);
                shard.cursor = g.g().all.next.get();
            }
            self.shard += 1;
            self.entered = false;
        }
        false
    }
}

/// Shows every G for as long as the locks can be had without waiting long, which `retry` sees to. False: some could not.
pub(crate) fn try_for_each(mut show: impl FnMut(Gp), mut retry: impl FnMut() -> bool) -> bool {
    let mut all = true;
    for shard in &ALL {
        let shard = loop {
            match shard.0.try_lock() {
                Some(shard) => break Some(shard),
                None if retry() => {}
                None => break None,
            }
        };
        let Some(shard) = shard else {
            all = false;
            continue;
        };
        let mut next = shard.head;
        while let Some(g) = next {
            show(g);
            next = g.g().all.next.get();
        }
    }
    all
}

/// For debuggers: the address of the first shard's head, how far the others' are from one another, and how many there are.
pub(crate) fn heads() -> (usize, usize, usize) {
    let first = std::ptr::from_ref(&ALL[0].0.lock().head).addr();
    (first, size_of::<Aligned>(), SHARDS)
}
