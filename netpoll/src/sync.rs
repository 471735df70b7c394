//! The atomics and the locks of the readiness protocol. The model (tests/loom.rs) includes `desc/` beside a `sync` of
//! loom's. Nothing else belongs here.

pub(crate) use gort_runtime_core::Mutex;
/// One in a static, which the model does not look into.
pub(crate) use gort_runtime_core::Mutex as StaticMutex;
pub(crate) use std::sync::{
    MutexGuard,
    atomic::{AtomicU8, AtomicU64},
};
