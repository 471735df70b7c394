//! [`Id`]: the number that names a task or a goroutine.

use std::fmt;

/// The number of a task or goroutine: what the runtime's messages call it. Never given twice.
///
/// # Examples
///
/// ```
/// let task = gort::spawn(async { panic!("boom") });
/// let id = task.id();
/// let error = gort::block_on(task).unwrap_err();
/// assert_eq!(error.id(), id);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub(super) u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
