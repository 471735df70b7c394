//! Taking from this process what the system gives: address space, threads.

use std::fs;

/// Has the process open as many descriptors as it may: what shells allow at first is often 1,024.
pub(crate) fn raise_descriptors() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a valid out pointer.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: a valid rlimit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
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
    filter(0)
}

/// The same for all threads that there are.
pub(crate) fn no_more_threads_anywhere() -> bool {
    filter(libc::SECCOMP_FILTER_FLAG_TSYNC)
}

/// A filter that fails clone and clone3: clone3 with ENOSYS, after which the C library takes clone, which fails with
/// EAGAIN, as at a limit.
fn filter(flags: libc::c_ulong) -> bool {
    /// The system call's number in struct seccomp_data.
    const NUMBER: u32 = 0;
    let statement = |code, k, jf| libc::sock_filter { code, jt: 0, jf, k };
    let load = |k| statement(0x20, k, 0);
    let skip_unless = |k, jf| statement(0x15, k, jf);
    let answer = |k| statement(0x06, k, 0);
    let mut filter = [
        load(NUMBER),
        skip_unless(libc::SYS_clone as u32, 1),
        answer(libc::SECCOMP_RET_ERRNO | libc::EAGAIN as u32),
        skip_unless(libc::SYS_clone3 as u32, 1),
        answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        answer(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the filter only makes two system calls fail; it is alive for the call.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &program) == 0
    }
}
