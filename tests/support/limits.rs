//! What the system gives to this process, and taking it from it: descriptors, address space, threads, guard regions.

#![allow(dead_code, reason = "each test binary uses its own part of it")]
#![allow(clippy::print_stdout, reason = "a test's output")]

use std::fs;

/// Has the process open as many descriptors as it may: what shells allow at first is often 1,024, or 256. False, and says
/// so, if that is less than `needed`.
#[must_use]
pub(crate) fn has_descriptors(needed: usize) -> bool {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a valid out pointer.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: a valid rlimit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let has = limit.rlim_cur >= needed as libc::rlim_t;
    if !has {
        println!(
            "SKIPPED: it takes {needed} descriptors, and there may be {}",
            limit.rlim_cur
        );
    }
    has
}

/// From now on the process may map only so many bytes more than it has.
pub(crate) fn leave_address_space(bytes: usize) {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages = statm.split(' ').next().unwrap().parse::<usize>().unwrap();
    // SAFETY: sysconf asks only.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    set_address_space((pages * page + bytes) as libc::rlim_t);
}

/// Has malloc keep so much free memory that needs no more address space.
pub(crate) fn keep_memory(bytes: usize) {
    const BLOCK: usize = 4096;
    let blocks: Vec<Vec<u8>> = (0..bytes / BLOCK).map(|_| vec![1; BLOCK]).collect();
    // What lies behind the free blocks keeps them from being given back.
    std::mem::forget(vec![1u8; BLOCK]);
    drop(blocks);
}

/// Takes the limit back.
pub(crate) fn free_address_space() {
    set_address_space(libc::RLIM_INFINITY);
}

fn set_address_space(bytes: libc::rlim_t) {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: a valid rlimit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

/// From now on neither this thread nor those that it makes can make another. False if that cannot be had here.
pub(crate) fn no_more_threads() -> bool {
    no_threads(0)
}

/// The same for all threads that there are.
pub(crate) fn no_more_threads_anywhere() -> bool {
    no_threads(libc::SECCOMP_FILTER_FLAG_TSYNC)
}

/// As before Linux 6.13: neither this thread nor those that it makes have guard regions. False if that cannot be had
/// here.
pub(crate) fn no_guard_regions() -> bool {
    /// uapi/asm-generic/mman-common.h.
    const MADV_GUARD_INSTALL: u32 = 102;
    install(
        0,
        &mut [
            load(NUMBER),
            skip_unless(libc::SYS_madvise as u32, 3),
            load(THIRD_ARGUMENT),
            skip_unless(MADV_GUARD_INSTALL, 1),
            fail_with(libc::EINVAL),
            allow(),
        ],
    )
}

/// From now on neither this thread nor those that it makes can open a file: not those of procfs either. False if that
/// cannot be had here.
pub(crate) fn no_files() -> bool {
    install(
        0,
        &mut [
            load(NUMBER),
            skip_unless(libc::SYS_openat as u32, 1),
            fail_with(libc::ENOENT),
            allow(),
        ],
    )
}

/// A filter that fails clone and clone3: clone3 with ENOSYS, after which the C library takes clone, which fails with
/// EAGAIN, as at a limit.
fn no_threads(flags: libc::c_ulong) -> bool {
    install(
        flags,
        &mut [
            load(NUMBER),
            skip_unless(libc::SYS_clone as u32, 1),
            fail_with(libc::EAGAIN),
            skip_unless(libc::SYS_clone3 as u32, 1),
            fail_with(libc::ENOSYS),
            allow(),
        ],
    )
}

/// Offsets in struct seccomp_data: the system call's number, and the low half of its third argument.
const NUMBER: u32 = 0;
const THIRD_ARGUMENT: u32 = 32;

fn load(k: u32) -> libc::sock_filter {
    statement(0x20, k, 0)
}

fn skip_unless(k: u32, jf: u8) -> libc::sock_filter {
    statement(0x15, k, jf)
}

fn fail_with(error: i32) -> libc::sock_filter {
    statement(0x06, libc::SECCOMP_RET_ERRNO | error as u32, 0)
}

fn allow() -> libc::sock_filter {
    statement(0x06, libc::SECCOMP_RET_ALLOW, 0)
}

fn statement(code: u16, k: u32, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf, k }
}

/// Has the kernel ask this filter about each system call from now on.
fn install(flags: libc::c_ulong, filter: &mut [libc::sock_filter]) -> bool {
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the filters here only make system calls fail; it is alive for the call.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &program) == 0
    }
}
