//! gort: Go's runtime for Rust futures.

// See runtime-core.
#![cfg(not(loom))]

pub use gort_executor::{Builder, JoinError, JoinHandle, Wait, block_on, go, spawn, task, time};
pub use gort_macros::{main, test};
pub use gort_netpoll::{io, net};

/// The runtime itself.
pub mod runtime {
    pub use gort_runtime_core::{max_procs, num_goroutines};
}

#[doc(hidden)]
pub use gort_executor::private as __private;
