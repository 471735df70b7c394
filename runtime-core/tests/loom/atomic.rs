//! Loom's atomics for the models, all crates' (by `#[path]`), with every load seen.
//!
//! Loom 0.7 goes back to try another order of two accesses only if nothing came between them at that word, and two
//! loads are in no order to it. So of "A loads; B loads; B swaps" it never tries "B loads; B swaps; A loads":
//! every loop of a load and a compare-and-swap would hide most of what it can meet. Here each load first counts
//! itself, relaxed, in a word beside: that orders nothing for the program, but lets loom try both orders.

#![allow(dead_code, unused_imports, reason = "no model uses all of them")]

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;

pub(crate) use loom::sync::atomic::Ordering;

thread_local! {
    /// Which fence is left out. All threads of a model are one thread.
    static LEFT_OUT: Cell<Option<(&'static str, u32)>> = const { Cell::new(None) };
}

/// Loom's fence, unless it is the one that [`without_fence`] leaves out.
#[track_caller]
pub(crate) fn fence(order: Ordering) {
    let here = Location::caller();
    let is_here = |(file, line): (&str, u32)| here.line() == line && here.file().ends_with(file);
    if !LEFT_OUT.get().is_some_and(is_here) {
        loom::sync::atomic::fence(order);
    }
}

/// Runs `f` without the first fence of a function: of the one whose head contains `function`, in the file whose path
/// ends in `file` and whose text is `source`.
pub(crate) fn without_fence(file: &'static str, source: &str, function: &str, f: impl FnOnce()) {
    /// A model that fails unwinds.
    struct Put;
    impl Drop for Put {
        fn drop(&mut self) {
            LEFT_OUT.set(None);
        }
    }
    let mut lines = (1..).zip(source.lines());
    lines
        .find(|line| line.1.contains(function))
        .expect("no such function");
    let (line, _) = lines
        .find(|line| line.1.trim_start().starts_with("fence("))
        .expect("no fence");
    LEFT_OUT.set(Some((file, line)));
    let _put = Put;
    f();
}

macro_rules! seen {
    ($name:ident $(<$t:ident>)?, $value:ty) => {
        pub(crate) struct $name $(<$t>)? {
            word: loom::sync::atomic::$name $(<$t>)?,
            loads: loom::sync::atomic::AtomicUsize,
        }

        impl $(<$t>)? $name $(<$t>)? {
            #[track_caller]
            pub(crate) fn new(value: $value) -> Self {
                Self {
                    word: loom::sync::atomic::$name::new(value),
                    loads: loom::sync::atomic::AtomicUsize::new(0),
                }
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.loads.fetch_add(1, Ordering::Relaxed);
                self.word.load(order)
            }

            #[track_caller]
            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut old = self.load(fetch);
                while let Some(new) = f(old) {
                    match self.word.compare_exchange_weak(old, new, set, fetch) {
                        Ok(old) => return Ok(old),
                        Err(now) => old = now,
                    }
                }
                Err(old)
            }
        }

        impl $(<$t>)? Deref for $name $(<$t>)? {
            type Target = loom::sync::atomic::$name $(<$t>)?;
            fn deref(&self) -> &Self::Target {
                &self.word
            }
        }

        impl $(<$t>)? fmt::Debug for $name $(<$t>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

seen!(AtomicBool, bool);
seen!(AtomicU8, u8);
seen!(AtomicU32, u32);
seen!(AtomicU64, u64);
seen!(AtomicUsize, usize);
seen!(AtomicPtr<T>, *mut T);
