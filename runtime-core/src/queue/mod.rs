//! The queues that hold Gs. Called by `sched`; they move pointers and never run anything.

pub(crate) mod allgs;
pub(crate) mod list;
pub(crate) mod pinned;
pub(crate) mod runq;
