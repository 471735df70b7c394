//! What the kernel tells of this process.

use std::fs;

/// How many descriptors are open.
pub(crate) fn descriptors() -> usize {
    // One of them is the directory's own.
    fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1))
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
