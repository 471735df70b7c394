//! gort's futures: tasks and goroutines, joining them, waiting for any future from anywhere, and time.
//!
//! Stands on `gort-runtime-core`, which schedules Gs and knows nothing of what their bodies are; the facade
//! `gort` re-exports what is public here. This crate never looks at a G's state but through the transitions that
//! `gort-runtime-core` names, and never touches sockets.

// See runtime-core.
#![cfg(not(loom))]

pub mod task;
pub mod time;

mod testing;
mod wait;

#[doc(hidden)]
pub mod private;

pub use task::{Builder, JoinError, JoinHandle, blocking, go, spawn};
pub use wait::{Wait, block_on};
