//! What the kernel tells of this process.

use std::fs::{self, DirEntry};

/// How many descriptors are open.
pub(crate) fn descriptors() -> usize {
    let files = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    // One of them is the directory's own.
    files
        .filter(|file| !is_a_sanitizers(file))
        .count()
        .saturating_sub(1)
}

/// ThreadSanitizer talks to its symbolizer over pipes, once it needs one. gort has none.
fn is_a_sanitizers(file: &DirEntry) -> bool {
    cfg!(gort_tsan) && fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().starts_with("pipe:"))
}

/// A number out of /proc/self/status.
fn status(field: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok());
    number.unwrap_or_default()
}

pub(crate) fn threads() -> usize {
    status("Threads:")
}

/// The most memory that was ever resident, in KiB.
pub(crate) fn peak_rss_kib() -> usize {
    status("VmHWM:")
}
