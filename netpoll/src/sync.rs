//! The atomics and the lock of the readiness protocol. The model (tests/loom.rs) includes `desc/` beside a `sync` of
//! loom's. Nothing else belongs here.

pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU8, AtomicU64},
};
