//! The atomics of the files that loom models. A model includes such a file beside an `atomic` of loom's.

pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
