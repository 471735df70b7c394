//! What stacks cost, and what happens when something runs out: memory, address space, mappings, locked memory.
//! Every body measures or changes the whole process, so each runs in a child (tests/child).

#![allow(clippy::print_stdout)] // Figures belong to the tests' output.

use gort_runtime_core::stack::{self, Cache, Class, Stack};
use gort_runtime_core::sys::{self, mem};
use probe::{assert_guarded, free, put, scavenge, touch};
use std::fs;
use std::time::Instant;

mod child;
mod probe;

const KIB: usize = 1024;

/// What the process holds: its memory, and the page tables for it.
#[derive(Clone, Copy, Debug)]
struct Usage {
    rss: usize,
    page_tables: usize,
}

impl Usage {
    /// smaps_rollup counts page by page; VmRSS of status is only approximate.
    fn now() -> Usage {
        let field = |file: &str, name: &str| -> usize {
            let text = fs::read_to_string(file).expect("procfs");
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim().trim_end_matches(" kB").parse::<usize>().expect(name) * KIB
        };
        Usage {
            rss: field("/proc/self/smaps_rollup", "Rss:"),
            page_tables: field("/proc/self/status", "VmPTE:"),
        }
    }

    fn total(self) -> usize {
        self.rss + self.page_tables
    }
}

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps")
        .expect("procfs")
        .lines()
        .count()
}

#[test]
fn memory_of_100_000_stacks_and_back() {
    child::isolated("memory_of_100_000_stacks_and_back", || {
        const STACKS: usize = 100_000;
        /// A waiting goroutine may cost 4,850 bytes, its header included.
        const BYTES_PER_STACK: usize = 4_700;
        /// Records of chunks, 6 bytes a stack, and what the measuring itself takes.
        const BYTES_LEFT: usize = 16 * STACKS;
        let class = Class::GOROUTINE;
        let cache = Cache::new();
        let mut stacks: Vec<Stack> = Vec::with_capacity(STACKS);
        stacks.resize(STACKS, cache.get(class).unwrap());
        put(&cache, stacks[0]);
        let before = Usage::now();
        let all = |stacks: &mut Vec<Stack>, what: &str| {
            let start = Instant::now();
            for stack in stacks.iter_mut() {
                *stack = cache.get(class).unwrap();
                touch(*stack, 1);
            }
            let nanos = start.elapsed().as_nanos() as usize / STACKS;
            let now = Usage::now();
            let each = (now.total() - before.total()) / STACKS;
            let maps = mappings();
            println!("{STACKS} stacks, {what}: {each} bytes and {nanos} ns each, {maps} mappings");
            assert!(each <= BYTES_PER_STACK, "{before:?} {now:?}");
            assert!(maps < 1_000);
            for stack in stacks.iter().step_by(997) {
                assert_guarded(*stack);
            }
        };
        let none = |stacks: &[Stack]| {
            let start = Instant::now();
            for stack in stacks {
                put(&cache, *stack);
            }
            let put = start.elapsed().as_nanos() as usize / STACKS;
            let start = Instant::now();
            let released = scavenge(0);
            let taken = start.elapsed();
            let now = Usage::now();
            println!(
                "put in {put} ns each; scavenged {released} bytes in {taken:?}; {} KiB more than before, \
                 {} of them page tables",
                now.total().saturating_sub(before.total()) / KIB,
                now.page_tables.saturating_sub(before.page_tables) / KIB,
            );
            // All but the 32 at most of the cache and the chunks that these share.
            assert!(released > (STACKS - 64 * 8) * sys::page_size(), "{released}");
            assert!(now.rss < before.rss + BYTES_LEFT, "{before:?} {now:?}");
            if frees_page_tables() {
                assert!(now.total() < before.total() + BYTES_LEFT, "{before:?} {now:?}");
            }
        };
        all(&mut stacks, "fresh");
        none(&stacks);
        all(&mut stacks, "again after the scavenger");
        none(&stacks);
    });
}

/// Whether this kernel frees a page table page when all it maps is given back (CONFIG_PT_RECLAIM).
fn frees_page_tables() -> bool {
    const LEN: usize = 64 << 20;
    const TABLE: usize = 2 << 20;
    let base = mem::reserve(LEN, TABLE).unwrap();
    for at in (0..LEN).step_by(TABLE) {
        // SAFETY: reserved just now.
        unsafe { base.add(at).write(1) };
    }
    let full = Usage::now().page_tables;
    // SAFETY: nothing needs it.
    unsafe { mem::dontneed(base, LEN).unwrap() };
    let empty = Usage::now().page_tables;
    // SAFETY: as above.
    unsafe { mem::release(base, LEN).unwrap() };
    let frees = empty + LEN / TABLE / 2 * sys::page_size() < full;
    if !frees {
        println!("skipped: this kernel keeps empty page tables (before 6.14, or no CONFIG_PT_RECLAIM)");
    }
    frees
}

#[test]
fn no_address_space_is_an_error_and_a_freed_stack_helps() {
    child::isolated("no_address_space_is_an_error_and_a_freed_stack_helps", || {
        /// What the process may still map: no region of 1 GiB.
        const ROOM: usize = 300 << 20;
        let status = fs::read_to_string("/proc/self/statm").unwrap();
        let mapped = status.split(' ').next().unwrap().parse::<usize>().unwrap() * sys::page_size();
        let limit = libc::rlimit {
            rlim_cur: (mapped + ROOM) as libc::rlim_t,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: a valid rlimit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
        // Stacks above 4 MiB are unmapped again, so that those come first.
        for (class, at_least) in [
            (Class::for_size(16 << 20), 10),
            (Class::MAX, 0),
            (Class::TASK, 100),
        ] {
            let mut stacks = Vec::with_capacity(1_000);
            let error = loop {
                match stack::alloc(class) {
                    Ok(stack) => stacks.push(stack),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.raw_os_error(), Some(libc::ENOMEM));
            assert!(sys::context(&error).unwrap().contains("address space"));
            let text = sys::explain(error).to_string();
            println!("{} stacks of {:?}, then: {text}", stacks.len(), class);
            assert!(stacks.len() >= at_least);
            if let Some(stack) = stacks.pop() {
                free(stack);
                stacks.push(stack::alloc(class).unwrap());
            }
            assert!(stack::alloc(class).is_err());
            stacks.into_iter().for_each(free);
        }
    });
}

/// Has this thread, and those it makes, see madvise(MADV_GUARD_INSTALL) fail as before Linux 6.13. False if
/// that cannot be had.
fn without_guard_regions() -> bool {
    const MADV_GUARD_INSTALL: u32 = 102;
    /// Offsets in struct seccomp_data: the number, and the low half of the third argument.
    const NUMBER: u32 = 0;
    const ADVICE: u32 = 32;
    let load = |k| libc::sock_filter {
        code: 0x20,
        jt: 0,
        jf: 0,
        k,
    };
    let skip_unless = |k, jf| libc::sock_filter {
        code: 0x15,
        jt: 0,
        jf,
        k,
    };
    let answer = |k| libc::sock_filter {
        code: 0x06,
        jt: 0,
        jf: 0,
        k,
    };
    let mut filter = [
        load(NUMBER),
        skip_unless(libc::SYS_madvise as u32, 3),
        load(ADVICE),
        skip_unless(MADV_GUARD_INSTALL, 1),
        answer(libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32),
        answer(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the filter only makes one system call fail; it is alive for the call.
    let set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0
    };
    if !set {
        println!("skipped: no seccomp here");
    }
    set
}

#[test]
fn without_guard_regions_mprotect_guards_until_the_map_count_is_reached() {
    const TEST: &str = "without_guard_regions_mprotect_guards_until_the_map_count_is_reached";
    child::isolated(TEST, || {
        /// What the scavenger empties at once.
        const CHUNK: usize = 2 << 20;
        if !without_guard_regions() {
            return;
        }
        let limit = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
        let limit: usize = limit.trim().parse().unwrap();
        let mut stacks = Vec::with_capacity(limit);
        if limit > 200_000 {
            println!("skipped: vm.max_map_count is {limit}, which would take long");
            return;
        }
        let before = mappings();
        let error = loop {
            match stack::alloc(Class::MIN) {
                Ok(stack) => stacks.push(stack),
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(libc::ENOMEM));
        assert!(sys::context(&error).unwrap().contains("vm.max_map_count"));
        assert!(stacks.len() > limit / 3, "{}", stacks.len());
        // The rest of the program can have mappings all the same.
        let left = limit - mappings();
        assert!(left > limit / 10, "{left} left");
        for stack in stacks.iter().step_by(997) {
            assert_guarded(*stack);
        }
        let count = stacks.len();
        let last = stacks.pop().unwrap();
        stacks.iter().for_each(|stack| free(*stack));
        let released = scavenge(0);
        assert!(released >= (count - 64) * sys::page_size(), "{released}");
        let after = mappings();
        println!("{count} stacks, {before} mappings before, {after} after the scavenger");
        assert!(after < before + 200);
        // The slot that failed, in the chunk of the last stack or at the start of the next, is not lost.
        let others: Vec<Stack> = (0..CHUNK / Class::MIN.size())
            .map(|_| stack::alloc(Class::MIN).unwrap())
            .collect();
        let failed = last.hi() + Class::MIN.size();
        assert!(failed / CHUNK != last.hi() / CHUNK || others.iter().any(|stack| stack.hi() == failed));
        let again: Vec<Stack> = (others.len()..count - 1)
            .map(|_| stack::alloc(Class::MIN).unwrap())
            .collect();
        for stack in again.iter().step_by(997) {
            assert_guarded(*stack);
        }
        // Not one guard was forgotten, nor counted twice.
        assert!(stack::alloc(Class::MIN).is_err());
        others.into_iter().chain(again).chain([last]).for_each(free);
        scavenge(0);
        for _ in 0..limit / 2 {
            free(stack::alloc(Class::for_size(16 << 20)).unwrap());
        }
    });
}

#[test]
fn locked_memory_is_not_populated_and_still_guarded() {
    child::isolated("locked_memory_is_not_populated_and_still_guarded", || {
        /// Far less than a region, far more than what the test touches.
        const LITTLE: usize = 64 << 20;
        let lock = |flags| {
            // SAFETY: takes flags only.
            let locked = unsafe { libc::mlockall(flags) } == 0;
            if !locked {
                println!("skipped: no right to lock memory");
            }
            locked
        };
        let class = Class::GOROUTINE;
        let before = Usage::now();
        if !lock(libc::MCL_FUTURE) {
            return;
        }
        let mut stacks: Vec<Stack> = (0..20).map(|_| stack::alloc(class).unwrap()).collect();
        stacks.iter().for_each(|stack| assert_guarded(*stack));
        let populated = Usage::now().rss - before.rss;
        println!("{} KiB more after the first region", populated / KIB);
        assert!(populated < LITTLE);
        // What is locked later has no guard regions (EINVAL), and its memory cannot be given back.
        if !lock(libc::MCL_CURRENT | libc::MCL_ONFAULT) {
            return;
        }
        stacks.extend((0..20).map(|_| stack::alloc(class).unwrap()));
        stacks.iter().for_each(|stack| assert_guarded(*stack));
        stacks.iter().for_each(|stack| free(*stack));
        assert_eq!(scavenge(0), 0);
        for _ in 0..40 {
            let stack = stack::alloc(class).unwrap();
            assert!(stacks.contains(&stack));
            assert_guarded(stack);
            touch(stack, 1);
        }
    });
}
