//! [`Builder`]: tasks and goroutines with a name or a stack size.

use std::io;
use std::panic::Location;

use gort_runtime_core::sys::explain;
use gort_runtime_core::{Class, Labels, default_stack, newproc, reserve_stack};

use super::cell::{self, Goroutine, Task};
use super::{JoinHandle, spawn};

/// Makes a goroutine or a task with a name, or a goroutine with a stack of a given size.
///
/// # Examples
///
/// ```
/// let deep = gort::Builder::new()
///     .name("parser")
///     .stack_size(8 << 20)
///     .go(|| {
///         let scratch = std::hint::black_box([0u8; 1 << 20]);
///         scratch.len()
///     })?;
/// assert_eq!(deep.wait().unwrap(), 1 << 20);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Default)]
#[must_use = "a Builder does nothing until `go` or `spawn`"]
pub struct Builder {
    name: Option<Box<str>>,
    stack_size: Option<usize>,
}

impl Builder {
    /// Neither a name nor a stack size.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// The name that the runtime's messages show, that of a stack overflow above all.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// How many bytes of address space its stack gets; memory is used as it is touched.
    ///
    /// Rounded up to a power of two, and to 32 KiB at least. 16 KiB of it are the guard that catches an
    /// overflow. Without it a goroutine gets 256 KiB, or what `GORT_STACK` or `#[gort::main(stack_size = ...)]`
    /// say. A task runs on its thread's larger stack, which it holds only while it is polled, whatever is said here.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_size = Some(bytes);
        self
    }

    /// Starts a goroutine, as [`go`](super::go) does, with its stack reserved before this returns.
    ///
    /// # Errors
    ///
    /// If there is no address space, or no memory mapping, left for the stack, or if it is to be larger than 1 GiB.
    /// The closure is dropped.
    #[track_caller]
    pub fn go<F, T>(self, closure: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let class = match self.stack_size {
            Some(bytes) if bytes > Class::MAX.size() => {
                let largest = Class::MAX.size();
                let what = format!("a stack of {bytes} bytes was asked for; the largest has {largest}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
            Some(bytes) => Class::for_size(bytes),
            None => default_stack(),
        };
        let g = cell::new(
            Goroutine(closure),
            false,
            Location::caller(),
            self.labels(Some(class)),
        );
        // SAFETY: a G that nobody else knows yet.
        if let Err(error) = unsafe { reserve_stack(g, class) } {
            // SAFETY: made above, of this type, and given to nobody.
            drop(unsafe { cell::take_back::<Goroutine<F>>(g) });
            return Err(explain(error));
        }
        // SAFETY: the cell was made for this closure, with a reference for the handle.
        let handle = unsafe { JoinHandle::new(g) };
        // SAFETY: a fresh G; closure and output are Send and 'static. The runtime's reference is given away here.
        unsafe { newproc(g) };
        Ok(handle)
    }

    /// Spawns a task, as [`spawn`](super::spawn()) does.
    ///
    /// # Examples
    ///
    /// ```
    /// let task = gort::Builder::new().name("timekeeper").spawn(async { 12 });
    /// assert_eq!(task.wait().unwrap(), 12);
    /// ```
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: future and output are Send and 'static.
        unsafe { spawn::start(Task(future), false, Location::caller(), self.labels(None)) }
    }

    fn labels(self, stack: Option<Class>) -> Option<Box<Labels>> {
        if self.name.is_none() && stack.is_none() {
            return None;
        }
        Some(Box::new(Labels {
            name: self.name,
            stack,
        }))
    }
}
