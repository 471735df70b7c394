//! The cell: the one allocation behind each task and each goroutine, and the vtable through which the scheduler
//! uses it. Made by `spawn` and `Builder`; from `newproc` on it belongs to the protocol of the G's state word.
//!
//! ```text
//!  |<----- G ----->|<- body: a future or a closure ->|
//!  |<----- G ----->|<- output: Result<T, JoinError> ------->|
//! ```
//!
//! Body and output lie in the same bytes, one after the other, and nothing says which: the state word does.
//! A waiting task costs its future and 128 bytes, all in, so there is no word to spare.
//!
//! | until | there lies | whose |
//! |---|---|---|
//! | the body has ended | the body | the M's that runs the G; when no waker and no handle is left, the reaper's |
//! | `complete` | nothing, then the output | the M's that runs the G |
//! | the end | the output, while the state says OUTPUT | the handle's; without one, the reaper's |
//!
//! Nothing here unwinds: a panic in a body becomes its output, one in a destructor ends here, reported by the hook.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::{NonNull, drop_in_place};
use std::task::{Context, Poll};

use gort_runtime_core::{Birth, G, Gp, Labels, Ran, Vtable};

use super::error::Payload;
use super::{Id, JoinError};

/// What lies in a cell whose body has ended.
pub(super) type Ended<T> = Result<T, JoinError>;

/// What a G runs.
pub(super) trait Body: Sized {
    type Output;
    /// Whether it can return Pending.
    const TASK: bool;
    /// Whether it blocks its thread.
    const BLOCKS: bool = false;

    /// Runs the body until it waits or ends. When it has ended, it is gone from `body`, whatever it did.
    ///
    /// # Safety
    /// A body lies in `body`, it is the caller's alone, and it is moved no more.
    unsafe fn run(body: *mut Self, cx: &mut Context<'_>) -> Poll<Result<Self::Output, Payload>>;
}

/// A future: a task's body.
#[repr(transparent)]
pub(super) struct Task<F>(pub(super) F);

impl<F: Future> Body for Task<F> {
    type Output = F::Output;
    const TASK: bool = true;

    unsafe fn run(body: *mut Self, cx: &mut Context<'_>) -> Poll<Result<F::Output, Payload>> {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the caller's promise: it is there, ours, and stays where it is until it is dropped below.
            unsafe { Pin::new_unchecked(&mut (*body).0) }.poll(cx)
        }));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        // SAFETY: it is there and ours, and after this nobody's.
        let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { drop_in_place(body) }));
        Poll::Ready(match (ended, dropped) {
            (ended, Ok(())) => ended,
            (Ok(output), Err(panic)) => {
                drop_quietly(output);
                Err(panic)
            }
            (Err(first), Err(second)) => {
                drop_quietly(second);
                Err(first)
            }
        })
    }
}

/// A closure: a goroutine's body.
#[repr(transparent)]
pub(super) struct Goroutine<F>(pub(super) F);

impl<F: FnOnce() -> T, T> Body for Goroutine<F> {
    type Output = T;
    const TASK: bool = false;

    unsafe fn run(body: *mut Self, _: &mut Context<'_>) -> Poll<Result<T, Payload>> {
        // SAFETY: it is there and ours; it moves onto the goroutine's stack.
        let Goroutine(closure) = unsafe { body.read() };
        Poll::Ready(catch_unwind(AssertUnwindSafe(closure)))
    }
}

/// A closure that blocks its thread.
#[repr(transparent)]
pub(super) struct Blocking<F>(pub(super) F);

impl<F: FnOnce() -> T, T> Body for Blocking<F> {
    type Output = T;
    const TASK: bool = false;
    const BLOCKS: bool = true;

    unsafe fn run(body: *mut Self, cx: &mut Context<'_>) -> Poll<Result<T, Payload>> {
        // SAFETY: the caller's promise; the two are represented alike.
        unsafe { Goroutine::run(body.cast::<Goroutine<F>>(), cx) }
    }
}

/// Only its layout is used: it says where behind the header an `X` lies.
#[repr(C)]
struct Behind<X> {
    g: G,
    x: X,
}

/// Where in `g`'s cell an `X` lies, if one does.
fn behind<X>(g: Gp) -> *mut X {
    g.as_ptr().wrapping_byte_add(offset_of!(Behind<X>, x)).cast()
}

/// Where the output lies, in a cell of any body that gives a `T`.
pub(super) fn output<T>(g: Gp) -> *mut Ended<T> {
    behind(g)
}

/// The memory of a cell. Its size is not rounded up to its alignment as a struct's would be: that saves a
/// future of 8 more bytes than a multiple of 16 those that malloc needs for itself.
const fn layout<B: Body>() -> Layout {
    const fn max(a: usize, b: usize) -> usize {
        if a > b { a } else { b }
    }
    let body = offset_of!(Behind<B>, x) + size_of::<B>();
    let output = offset_of!(Behind<Ended<B::Output>>, x) + size_of::<Ended<B::Output>>();
    let align = max(align_of::<Behind<B>>(), align_of::<Behind<Ended<B::Output>>>());
    match Layout::from_size_align(max(body, output), align) {
        Ok(layout) => layout,
        Err(_) => panic!("a future or its output fills the address space"),
    }
}

/// Per kind of body, what the compiler makes of it.
trait Cell: Body {
    const LAYOUT: Layout;
    const VTABLE: &'static Vtable;
}

impl<B: Body> Cell for B {
    const LAYOUT: Layout = layout::<B>();
    const VTABLE: &'static Vtable = &Vtable {
        run: run::<B>,
        drop_body: drop_body::<B>,
        drop_output: drop_output::<B::Output>,
        dealloc: free::<B>,
        task: B::TASK,
        blocks: B::BLOCKS,
    };
}

/// A cell with `body` in it, and a handle's reference beside the runtime's. `newproc` has yet to see it.
#[inline]
pub(super) fn new<B: Body>(
    body: B,
    local: bool,
    created_at: &'static Location<'static>,
    labels: Option<Box<Labels>>,
) -> Gp {
    // SAFETY: the layout has the size of a G at least.
    let Some(cell) = NonNull::new(unsafe { alloc(B::LAYOUT) }) else {
        handle_alloc_error(B::LAYOUT);
    };
    let birth = Birth {
        local,
        handle: true,
        ..Birth::default()
    };
    // SAFETY: the memory is fresh, large enough and aligned for a G at its start.
    unsafe { cell.cast().write(G::new(B::VTABLE, birth, created_at, labels)) };
    // SAFETY: it is freed by the vtable's `dealloc` only (or by `take_back`, which ends the Gp's life). References
    // to the header do not reach what is behind it.
    let g = unsafe { Gp::new(cell.cast()) };
    // SAFETY: the layout has room for a B there, and nobody else knows the cell.
    unsafe { behind::<B>(g).write(body) };
    g
}

/// Undoes [`new`].
///
/// # Safety
/// `g` was made by `new` of a `B`, and no one else knows it. It is freed.
pub(super) unsafe fn take_back<B: Body>(g: Gp) -> B {
    // SAFETY: the body lies there until it is moved out here.
    let body = unsafe { behind::<B>(g).read() };
    // SAFETY: body and output are gone, and with the caller's Gp the last reference.
    unsafe { free::<B>(g) };
    body
}

/// # Safety
/// As [`Vtable::run`]: the G is RUNNING, here, and its body is there.
unsafe fn run<B: Body>(g: Gp, cx: &mut Context<'_>) -> Ran {
    // SAFETY: the caller's promise; while the G runs its body is this M's.
    let Poll::Ready(ended) = (unsafe { B::run(behind(g), cx) }) else {
        return Ran::Pending;
    };
    let ended = ended.map_err(|panic| {
        // SAFETY: a running G is referenced by the runtime.
        JoinError::panicked(Id(unsafe { g.goid() }), panic)
    });
    // SAFETY: the body is gone, and the place is this M's until `complete` publishes the output.
    unsafe { output(g).write(ended) };
    Ran::Done { output: true }
}

/// # Safety
/// As [`Vtable::drop_body`]: the body is there, the caller's, and never used again.
unsafe fn drop_body<B: Body>(g: Gp) {
    // SAFETY: the caller's promise.
    quietly(|| unsafe { drop_in_place(behind::<B>(g)) });
}

/// # Safety
/// As [`Vtable::drop_output`]: an output of type `T` is there, the caller's, and never used again.
pub(super) unsafe fn drop_output<T>(g: Gp) {
    // SAFETY: the caller's promise.
    quietly(|| unsafe { drop_in_place(output::<T>(g)) });
}

/// # Safety
/// As [`Vtable::dealloc`]: body and output are gone, and so are all references.
unsafe fn free<B: Body>(g: Gp) {
    let cell = g.as_ptr();
    // SAFETY: nobody refers to the header any more.
    quietly(|| unsafe { drop_in_place(cell) });
    // SAFETY: `new` took it from this allocator with this layout.
    unsafe { dealloc(cell.cast(), B::LAYOUT) };
}

/// Drops `value`, on a path that must not unwind.
pub(crate) fn drop_quietly<T>(value: T) {
    quietly(|| drop(value));
}

/// Calls `f`. Should it panic, that ends here: the hook has reported it, and nobody is there to be told.
fn quietly(f: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(f)) {
        // A payload may panic in its destructor, too, and so may that panic's: such a one is leaked.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
            std::mem::forget(second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes<const N: usize>;

    impl<const N: usize> Bytes<N> {
        /// What a waiting task with a future of N bytes costs beside it: glibc's malloc puts a word before each block
        /// and rounds up to 16, and the handle is a word, too.
        fn overhead() -> usize {
            let word = size_of::<usize>();
            let block = (layout::<Task<Pending<N>>>().size() + word).next_multiple_of(16);
            block + size_of::<super::super::JoinHandle<()>>() - N
        }
    }

    struct Pending<const N: usize>([u8; N]);

    impl<const N: usize> Future for Pending<N> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    #[test]
    fn a_waiting_task_costs_its_future_and_128_bytes() {
        let overheads = [
            Bytes::<0>::overhead(),
            Bytes::<1>::overhead(),
            Bytes::<8>::overhead(),
            Bytes::<16>::overhead(),
            Bytes::<17>::overhead(),
            Bytes::<24>::overhead(),
            Bytes::<32>::overhead(),
            Bytes::<1000>::overhead(),
            Bytes::<4096>::overhead(),
        ];
        assert!(overheads.iter().all(|&bytes| bytes <= 128), "{overheads:?}");
    }

    #[test]
    fn body_and_output_lie_where_their_own_alignment_wants() {
        #[repr(align(64))]
        struct Aligned(u8);
        let layout = layout::<Goroutine<fn() -> Aligned>>();
        assert_eq!(layout.align(), 64);
        assert_eq!(offset_of!(Behind<Ended<Aligned>>, x) % 64, 0);
        assert!(layout.size() >= offset_of!(Behind<Ended<Aligned>>, x) + size_of::<Ended<Aligned>>());
        assert_eq!(offset_of!(Behind<Goroutine<fn() -> Aligned>>, x), size_of::<G>());
        let _ = Aligned(0).0;
    }
}
