//! [`Worker`]: a blocking thread. It runs what the pool gives it, sleeps when there is nothing, and ends when it has
//! slept for long.
//!
//! Its record is never freed, and serves another thread afterwards: whoever wakes a worker may still be at its note when
//! the thread has gone.

use std::cell::Cell;
use std::ffi::c_void;
use std::fmt::Write;
use std::io;
use std::ptr;

use crate::g::Gp;
use crate::life;
use crate::note::Note;
use crate::sched::base;
use crate::sched::blocking::call::CallPtr;
use crate::sched::blocking::pool::{Kind, POOL, Work};
use crate::sched::deadlock::Awaited;
use crate::sched::mstart;
use crate::sched::newm::{Name, THREAD_STACK};
use crate::stack::overflow::Overflow;
use crate::{sys, sys_box};

/// How long a worker sleeps before its thread ends (tokio: thread_keep_alive).
const KEEP_ALIVE_NANOS: u64 = 10_000_000_000;

pub(super) struct Worker {
    /// Constant.
    id: u32,
    /// Where it sleeps.
    note: Note,
    /// What it looks for. Under the pool's lock while it sleeps or is made, otherwise its own.
    kind: Cell<Kind>,
    /// It has not looked since it was woken or made. Under the pool's lock.
    comes: Cell<bool>,
    /// Link of the pool's list of those that sleep or that of unused records: under the pool's lock.
    pub(super) next: Cell<Option<&'static Worker>>,
    /// It may make a G runnable. Set and taken under the pool's lock, while it does not sleep.
    awaited: Cell<Option<Awaited>>,
    /// The G that it works for. Its own thread.
    g: Cell<Option<Gp>>,
    /// The guard of its stack, from where to where. Its own thread.
    guard: Cell<(usize, usize)>,
}

// SAFETY: see who may touch each field.
unsafe impl Sync for Worker {}

thread_local! {
    /// The calling thread's record; null on all other threads. A constant and no destructor: signal handlers look at it.
    static CURRENT: Cell<*const Worker> = const { Cell::new(ptr::null()) };
}

/// Makes a record.
pub(super) fn record(id: u32) -> &'static Worker {
    sys_box::leak(Worker {
        id,
        note: Note::new(),
        kind: Cell::new(Kind::Job),
        comes: Cell::new(false),
        next: Cell::new(None),
        awaited: Cell::new(None),
        g: Cell::new(None),
        guard: Cell::new((0, 0)),
    })
}

impl Worker {
    pub(super) fn kind(&self) -> Kind {
        self.kind.get()
    }

    /// It is to look for work of that kind: it is woken or made next. Under the pool's lock.
    pub(super) fn begin(&self, kind: Kind) {
        self.kind.set(kind);
        self.comes.set(true);
        self.awaited.set(Some(Awaited::begin()));
    }

    /// It looks for work. Says whether it does so for the first time since `begin`. Under the pool's lock.
    pub(super) fn arrives(&self) -> bool {
        self.comes.replace(false)
    }

    /// It is about to sleep, or its thread was not made. Under the pool's lock, or while nobody else knows it; what it
    /// gives ends under none.
    #[must_use]
    pub(super) fn rest(&self) -> Option<Awaited> {
        self.note.clear();
        self.awaited.take()
    }

    /// Outside of the lock under which it was taken from those that sleep.
    pub(super) fn wake(&self) {
        self.note.wakeup();
    }

    /// Makes its thread.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) fn spawn(&'static self) -> io::Result<()> {
        let mut name = Name::new();
        let _ = write!(name, "gort-b{}", self.id);
        let arg = ptr::from_ref(self).cast_mut().cast::<c_void>();
        sys::spawn_thread(name.as_c_str(), THREAD_STACK, thread, arg)
    }

    /// All that its thread does.
    fn run(&'static self) {
        // Dropped on this thread, when it ends.
        let _signal_stack = mstart::init_signals(format_args!("a blocking thread"));
        if let Ok(bounds) = sys::stack_bounds() {
            self.guard.set((bounds.lo - bounds.guard, bounds.lo));
        }
        CURRENT.set(self);
        loop {
            self.work();
            if !self.sleep() {
                break;
            }
        }
        CURRENT.set(ptr::null());
    }

    /// Until there is nothing more to do.
    fn work(&'static self) {
        let mut next = POOL.next(self, None);
        while let Some(work) = next.work {
            if life::is_over() {
                // Nothing is started any more; the process is about to end.
                sys::sleep_for_ever();
            }
            next = match work {
                Work::Job(g) => {
                    self.job(g);
                    POOL.next(self, None)
                }
                Work::Call(call) => {
                    self.call(call);
                    POOL.next(self, Some(call))
                }
            };
            // One of gort's own.
            if let Some(waker) = next.waker.take() {
                waker.wake();
            }
        }
        drop(next.awaited);
    }

    fn job(&self, g: Gp) {
        self.g.set(Some(g));
        let output = base::run_off_m(g);
        // What nobody wants of it is dropped here, too.
        base::finish_off_m(g, output);
        self.g.set(None);
        // SAFETY: the runtime's reference, used no more.
        unsafe { base::release(g) };
    }

    fn call(&self, call: CallPtr) {
        self.g.set(Some(call.g()));
        // SAFETY: the pool gave it to this thread alone.
        unsafe { call.execute() };
        self.g.set(None);
    }

    /// Sleeps until it is woken. False: that did not happen for long, and the record is no longer this thread's.
    fn sleep(&'static self) -> bool {
        if !self.note.sleep_for(KEEP_ALIVE_NANOS) {
            if POOL.retire(self) {
                return false;
            }
            // Somebody is about to wake it.
            self.note.sleep();
        }
        true
    }
}

extern "C" fn thread(worker: *mut c_void) -> *mut c_void {
    // SAFETY: `spawn` passes a record, which is never freed.
    let worker: &'static Worker = unsafe { &*worker.cast::<Worker>() };
    worker.run();
    ptr::null_mut()
}

/// Whether the address lies in the guard of the stack of this thread, if it is a blocking one. In a signal handler.
pub(crate) fn find_overflow(address: usize) -> Option<Overflow> {
    // SAFETY: null or a record, which is never freed.
    let worker = unsafe { CURRENT.get().as_ref() }?;
    let g = worker.g.get()?;
    let (lo, hi) = worker.guard.get();
    (lo..hi).contains(&address).then(|| Overflow {
        // SAFETY: the G is being run by this thread, or waits for it.
        id: unsafe { g.goid() },
        name: g.name().unwrap_or(""),
        created: Some(g.g().created_at),
        stack_size: THREAD_STACK,
        remedy: "that is a blocking thread's: what needs more belongs on a goroutine with gort::Builder::stack_size",
    })
}
