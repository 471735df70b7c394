//! The atomics and the lock of the readiness protocol: std's, or loom's when built with `--cfg loom`.
//!
//! Used by `desc/`, whose protocol loom models. Nothing else belongs here.

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU8, AtomicU64},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU8, AtomicU64},
};
