//! Tasks and goroutines: making them, joining them, giving way.
//!
//! A **task** is a future that the runtime polls; while it waits it holds no stack, and any thread may poll it
//! next. A **goroutine** is a closure on a stack of its own; once started it stays on one thread. Both give a
//! [`JoinHandle`], and each may wait for the other.
//!
//! | | |
//! |---|---|
//! | [`spawn`] | a task |
//! | [`spawn_local`] | a task that never leaves the thread it was spawned on, and need not be `Send` |
//! | [`go`] | a goroutine |
//! | [`Builder`] | either, with a name or a stack size |
//! | [`spawn_blocking`] | a closure that blocks its thread, which is not a goroutine's |
//! | [`blocking`] | the same, for the caller to wait for |
//! | [`yield_now`] | lets others run first |
//! | [`block_in_place`] | runs what blocks its thread, while others run |

mod block_in_place;
mod blocking;
mod builder;
mod cell;
mod error;
mod id;
mod join;
mod spawn;
mod yield_now;

pub use block_in_place::block_in_place;
pub use blocking::{blocking, spawn_blocking};
pub use builder::Builder;
pub use error::JoinError;
pub use id::Id;
pub use join::JoinHandle;
pub use spawn::{go, spawn, spawn_local};
pub use yield_now::{YieldNow, yield_now};

pub(crate) use cell::drop_quietly;
