//! Loom's atomics for the models, all crates' (by `#[path]`), with every load seen.
//!
//! Loom 0.7 goes back to try another order of two accesses only if nothing came between them at that word, and two
//! loads are in no order to it. So of "A loads; B loads; B swaps" it never tries "B loads; B swaps; A loads":
//! every loop of a load and a compare-and-swap would hide most of what it can meet. Here each load first counts
//! itself, relaxed, in a word beside: that orders nothing for the program, but lets loom try both orders.

#![allow(dead_code, unused_imports, reason = "no model uses all of them")]

use std::fmt;
use std::ops::Deref;

pub(crate) use loom::sync::atomic::{Ordering, fence};

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
