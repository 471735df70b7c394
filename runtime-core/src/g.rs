//! G: a task or a goroutine. The header that every body is allocated behind, and the handle to it.
//!
//! Made by the executor (and by `rt0` for the runtime's own), owned by protocol: `state` counts the references.
//! Nothing here runs user code but through the [`Vtable`], and only where that says so.

use std::cell::{Cell, UnsafeCell};
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::task::{Context, Waker};

use crate::m::M;
use crate::queue::allgs::AllLinks;
use crate::stack::{Class, Stack};
pub use crate::state::Birth;
use crate::state::State;

/// How a body's run ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// A future returned Pending: the G is at base.
    Pending,
    /// It has ended; an output (or the panic) was stored if `output`.
    Done {
        /// Something lies there for the handle.
        output: bool,
    },
}

/// What a kind of G can do. None of them may unwind.
#[derive(Debug)]
pub struct Vtable {
    /// Polls the future or calls the closure, on the G's stack. The context's waker is the G's, level 0.
    pub run: unsafe fn(Gp, &mut Context<'_>) -> Ran,
    /// Drops a body that has not ended, on a stack (a local G's: on its home M).
    pub drop_body: unsafe fn(Gp),
    /// Drops the output, on a stack (a local G's: on its home M).
    pub drop_output: unsafe fn(Gp),
    /// Frees the memory; body and output are gone. Enters the allocator that made it.
    pub dealloc: unsafe fn(Gp),
    /// The body is a future. Otherwise a closure, which is never at base again once started.
    pub task: bool,
    /// The body is a closure that blocks its thread: a blocking one runs it, if it can be had.
    pub blocks: bool,
}

/// What `Builder` and the like ask for beyond the usual.
#[derive(Debug, Default)]
pub struct Labels {
    /// Shown in dumps.
    pub name: Option<Box<str>>,
    /// The size of its stack.
    pub stack: Option<Class>,
}

/// A G's header. Its cell, `repr(C)`, starts with it.
///
/// The alignment leaves the low four bits of its address to the wait level in a waker.
#[repr(C, align(16))]
pub struct G {
    /// Everybody's; see `state.rs`.
    pub(crate) state: State,
    /// Constant.
    pub(crate) vtable: &'static Vtable,
    /// The link of the one queue that holds the G: its owner's.
    pub(crate) link: Cell<Option<Gp>>,
    /// The M that has its frames or that it is local to. Written by that M (or at birth) before `state` says so.
    pub(crate) home: AtomicPtr<M>,
    /// The stack with its frames, or one reserved for its start. Only the M that runs it.
    pub(crate) frames: Cell<Option<Stack>>,
    /// Written once by `newproc` before anyone else sees the G.
    pub(crate) goid: Cell<u64>,
    /// Constant (Go: gopc).
    pub(crate) created_at: &'static Location<'static>,
    /// Constant.
    pub(crate) labels: Option<Box<Labels>>,
    /// The list of all Gs: under its lock.
    pub(crate) all: AllLinks,
    /// Who waits for the end. `state`'s JOIN_WAKER says whose it is.
    join_waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: each field says above who may touch it; the state word hands that right over.
unsafe impl Sync for G {}
// SAFETY: as above. The body behind the header has its own rules (`state`: LOCAL).
unsafe impl Send for G {}

impl G {
    /// A header for a G that [`newproc`](crate::newproc) has not seen yet.
    pub fn new(
        vtable: &'static Vtable,
        birth: Birth,
        created_at: &'static Location<'static>,
        labels: Option<Box<Labels>>,
    ) -> G {
        G {
            state: State::new(birth),
            vtable,
            link: Cell::new(None),
            home: AtomicPtr::new(std::ptr::null_mut()),
            frames: Cell::new(None),
            goid: Cell::new(0),
            created_at,
            labels,
            all: AllLinks::new(),
            join_waker: UnsafeCell::new(None),
        }
    }
}

/// A pointer to a G. Copying it takes no reference: whoever holds one knows which reference keeps the G alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Gp(NonNull<G>);

// SAFETY: a pointer; G is Sync.
unsafe impl Send for Gp {}
// SAFETY: as above.
unsafe impl Sync for Gp {}

impl Gp {
    /// The G whose header `g` is.
    ///
    /// # Safety
    /// `g` stays allocated until the vtable's `dealloc` is called, and no reference `&mut` to it exists meanwhile.
    pub unsafe fn new(g: NonNull<G>) -> Gp {
        Gp(g)
    }

    /// The address, with the provenance of the whole cell.
    pub fn as_ptr(self) -> *mut G {
        self.0.as_ptr()
    }

    pub(crate) fn from_ptr(g: *mut G) -> Option<Gp> {
        NonNull::new(g).map(Gp)
    }

    /// The header. The reference is only good while the caller's reference to the G is.
    pub(crate) fn g<'a>(self) -> &'a G {
        // SAFETY: `Gp::new`'s promise, and the caller holds a reference to the G (crate-internal).
        unsafe { self.0.as_ref() }
    }

    /// The state word.
    ///
    /// # Safety
    /// The caller holds a reference to the G for as long as it uses the result.
    pub unsafe fn state<'a>(self) -> &'a State {
        &self.g().state
    }

    /// The slot for the waker of whoever waits for the end.
    ///
    /// # Safety
    /// As for `state`; what lies there belongs to whom `state`'s JOIN_WAKER and DEAD say.
    pub unsafe fn join_waker(self) -> *mut Option<Waker> {
        self.g().join_waker.get()
    }

    /// The number that dumps and panics name it by. 0 before `newproc`.
    ///
    /// # Safety
    /// As for `state`.
    pub unsafe fn goid(self) -> u64 {
        self.g().goid.get()
    }

    /// Its name, if one was given.
    pub(crate) fn name<'a>(self) -> Option<&'a str> {
        self.g().labels.as_deref().and_then(|l| l.name.as_deref())
    }

    /// The size of the stack that it starts on.
    pub(crate) fn stack_class(self) -> Class {
        if self.g().vtable.blocks {
            // As large as the stack of the thread that could not be had.
            return Class::TASK;
        }
        let asked = self.g().labels.as_deref().and_then(|labels| labels.stack);
        asked.unwrap_or_else(crate::debug::default_stack)
    }

    /// Whether the memory of the stack that it parks on stays mapped when the stack is given back.
    pub(crate) fn stack_stays(self) -> bool {
        // The main goroutine's goes when the process does.
        self.g().vtable.task || self.g().state.is_local() || self.stack_class().is_pooled()
    }

    pub(crate) fn home(self) -> Option<&'static M> {
        // SAFETY: Ms are never freed. Acquire pairs with the store in `set_home`.
        unsafe { self.g().home.load(Ordering::Acquire).as_ref() }
    }

    pub(crate) fn set_home(self, m: &'static M) {
        self.g()
            .home
            .store(std::ptr::from_ref(m).cast_mut(), Ordering::Release);
    }
}
