//! What `#[gort::main]` and `#[gort::test]` ask of the runtime before it boots.
//!
//! The attributes' expansions build one; the two entry points read it. Nothing else names it.

/// The arguments of an attribute. `None` leaves the choice to the environment, and behind it to the runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How many Ps, as `GOMAXPROCS` would say it.
    pub processors: Option<usize>,
    /// The default size of a goroutine's stack in bytes, as `GORT_STACK` would say it.
    pub stack_size: Option<usize>,
}
