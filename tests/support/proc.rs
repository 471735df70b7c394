//! What the kernel tells of this process: memory, descriptors, threads, context switches.

use std::fs;
use std::time::{Duration, Instant};

/// The process's memory, and the page tables for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) resident: usize,
    pub(crate) page_tables: usize,
}

impl Usage {
    /// Of `smaps_rollup`, which counts page by page; `status` is only approximate for what is resident.
    pub(crate) fn now() -> Usage {
        Usage {
            resident: kib("/proc/self/smaps_rollup", "Rss:"),
            page_tables: kib("/proc/self/status", "VmPTE:"),
        }
    }

    pub(crate) fn total(self) -> usize {
        self.resident + self.page_tables
    }

    /// What was added since `earlier`, page tables included.
    pub(crate) fn since(self, earlier: Usage) -> usize {
        self.total().saturating_sub(earlier.total())
    }
}

/// The field `name` of a file of procfs that gives it in kB, in bytes.
fn kib(file: &str, name: &str) -> usize {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    line.trim().trim_end_matches(" kB").parse::<usize>().expect(name) * 1024
}

/// Returns what the allocator keeps, so that what is measured is what is in use.
pub(crate) fn trim() {
    // SAFETY: no pointers; any thread may.
    unsafe { libc::malloc_trim(0) };
}

/// How many mappings there are.
pub(crate) fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// How many descriptors are open.
pub(crate) fn descriptors() -> usize {
    // One of them is the directory's own.
    fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// The ids of this process's threads whose names begin so.
pub(crate) fn threads(prefix: &str) -> Vec<u32> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let tids = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
    // One that ends meanwhile has no name.
    let is_one = |tid: &u32| {
        let name = fs::read_to_string(format!("/proc/self/task/{tid}/comm"));
        name.is_ok_and(|name| name.starts_with(prefix))
    };
    tids.filter(is_one).collect()
}

/// Of one thread: its name, and how often it was switched from, of its own will or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Switches {
    pub(crate) tid: u32,
    pub(crate) name: String,
    pub(crate) count: u64,
}

/// Of every thread of the process `pid`.
pub(crate) fn switches(pid: u32) -> Vec<Switches> {
    let mut all: Vec<_> = fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .filter_map(|task| {
            let task = task.ok()?;
            // It may have ended.
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            let field = |name: &str| {
                let line = status
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .expect(name);
                line.trim().to_owned()
            };
            let of = |name: &str| field(name).parse::<u64>().unwrap();
            Some(Switches {
                tid: task.file_name().to_str().unwrap().parse().unwrap(),
                name: field("Name:"),
                count: of("voluntary_ctxt_switches:") + of("nonvoluntary_ctxt_switches:"),
            })
        })
        .collect();
    all.sort();
    all
}

/// Looks every few milliseconds whether `holds`. False: not within `limit`.
pub(crate) fn comes_true(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// What `look` says, once it says the same for a while: a thread that starts has a file open for a moment.
pub(crate) fn steady<T: PartialEq>(mut look: impl FnMut() -> T) -> T {
    let mut last = look();
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let now = look();
        if now == last {
            return now;
        }
        last = now;
    }
}
