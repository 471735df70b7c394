//! Address space: reserving it, guarding parts of it, giving its memory back. Called by `stack` and by
//! `signal`. Must never touch what it maps: a touched page is resident.
//!
//! Guard regions (`MADV_GUARD_INSTALL`, Linux 6.13) live in the page tables and split no mapping. The
//! kernel refuses them with EINVAL for a mapping that is locked, special or huge, and when it knows no
//! such advice; `MADV_DONTNEED` leaves them where they are, and refuses locked memory too.

use super::file::{parse_u64, read_file};
use crate::sys::{last_os_error, os_error, page_size};
use std::io;
use std::ptr::{self, NonNull};

/// `MADV_GUARD_INSTALL` (uapi/asm-generic/mman-common.h).
const MADV_GUARD_INSTALL: libc::c_int = 102;
/// `MADV_GUARD_REMOVE`.
const MADV_GUARD_REMOVE: libc::c_int = 103;
/// A `how` that rt_sigprocmask does not know, so that it looks at the new mask and does nothing.
const NO_SUCH_HOW: libc::c_int = -1;
/// DEFAULT_MAX_MAP_COUNT (linux/mm.h).
const DEFAULT_MAX_MAP_COUNT: usize = 65_530;
/// Says what to do when a guard finds no mapping.
const NO_MAPPING_LEFT: &str = "guarding a stack with mprotect (each takes two of the vm.max_map_count mappings that \
    a process may have: raise it, or use Linux 6.13 or later, whose guards take none)";
/// The kernel's sizeof(sigset_t).
const KERNEL_SIGSET: usize = 8;

/// Reserves `len` bytes, readable and writable, at a multiple of `align`; both are multiples of the page.
///
/// No memory is behind it until it is touched, and no huge page ever: neither by khugepaged nor because
/// the process locks its future mappings (mlockall would populate all of it, so it is unlocked).
///
/// # Errors
/// `ENOMEM` when the address space, its limits (RLIMIT_AS, RLIMIT_DATA) or vm.max_map_count are used up.
pub fn reserve(len: usize, align: usize) -> io::Result<NonNull<u8>> {
    const WHAT: &str =
        "reserving address space for stacks (raise `ulimit -v`, or run fewer goroutines with smaller stacks)";
    debug_assert!(align.is_power_of_two() && len.is_multiple_of(page_size()));
    let fail = || last_os_error(WHAT);
    // The kernel aligns most large mappings by itself.
    let mut base = map(len).ok_or_else(fail)?;
    if !base.addr().get().is_multiple_of(align) {
        // SAFETY: mapped just now, not used.
        unsafe { release(base, len)? };
        let Some(roomy) = len.checked_add(align - page_size()) else {
            return Err(os_error(libc::ENOMEM, WHAT));
        };
        base = trim(map(roomy).ok_or_else(fail)?, roomy, len, align);
    }
    // SAFETY: all of [base, base + len) was mapped just now. munlock and the advice may fail where the
    // kernel has no such thing; then there is nothing to undo.
    unsafe {
        libc::munlock(base.as_ptr().cast(), len);
        libc::madvise(base.as_ptr().cast(), len, libc::MADV_NOHUGEPAGE);
        if let Err(error) = protect_rw(base, len) {
            let _ = release(base, len);
            return Err(error);
        }
    }
    Ok(base)
}

/// Whether the process may use less address space than there is (RLIMIT_AS).
pub fn is_limited() -> bool {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is ours to write.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) };
    result == 0 && limit.rlim_cur != libc::RLIM_INFINITY
}

/// Address space without access: made writable only once it is unlocked, or mlockall would populate it.
fn map(len: usize) -> Option<NonNull<u8>> {
    // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
    let base = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if base == libc::MAP_FAILED {
        None
    } else {
        NonNull::new(base.cast())
    }
}

/// Unmaps what a mapping of `roomy` bytes has before and behind its first `len` aligned ones.
fn trim(base: NonNull<u8>, roomy: usize, len: usize, align: usize) -> NonNull<u8> {
    let head = base.as_ptr().align_offset(align);
    let tail = roomy - head - len;
    // SAFETY: head + len + tail is the whole mapping, just made; an unmap that fails only wastes space.
    unsafe {
        let aligned = base.add(head);
        if head > 0 {
            libc::munmap(base.as_ptr().cast(), head);
        }
        if tail > 0 {
            libc::munmap(aligned.add(len).as_ptr().cast(), tail);
        }
        aligned
    }
}

/// Unmaps `len` bytes at `base`.
///
/// # Errors
/// `ENOMEM` when that would split a mapping and vm.max_map_count is reached.
///
/// # Safety
/// The range is page-aligned, was mapped by [`reserve`], and nothing uses it any more.
pub unsafe fn release(base: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: by the contract.
    let result = unsafe { libc::munmap(base.as_ptr().cast(), len) };
    check(result, "unmapping stacks")
}

/// Gives the memory behind the range back; it reads as zeros afterwards. Guards stay.
///
/// # Errors
/// `EINVAL` when the range is locked into memory.
///
/// # Safety
/// The range is page-aligned, was mapped by [`reserve`], and nothing needs its contents.
pub unsafe fn dontneed(base: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: by the contract.
    let result = unsafe { libc::madvise(base.as_ptr().cast(), len, libc::MADV_DONTNEED) };
    check(result, "giving stack memory back")
}

/// Makes every access to the range fault, without splitting the mapping. Drops the memory behind it.
///
/// # Errors
/// `EINVAL` before Linux 6.13 and on locked memory; `ENOMEM`.
///
/// # Safety
/// As for [`dontneed`].
pub unsafe fn guard_install(base: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: by the contract.
    let result = unsafe { libc::madvise(base.as_ptr().cast(), len, MADV_GUARD_INSTALL) };
    check(result, "installing a stack guard")
}

/// Takes every guard off the range that [`guard_install`] put there.
///
/// # Errors
/// `EINVAL` before Linux 6.13.
///
/// # Safety
/// The range is page-aligned and was mapped by [`reserve`]; nobody relies on guards in it.
pub unsafe fn guard_remove(base: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: by the contract.
    let result = unsafe { libc::madvise(base.as_ptr().cast(), len, MADV_GUARD_REMOVE) };
    check(result, "removing stack guards")
}

/// Makes every access to the range fault, by a mapping of its own.
///
/// # Errors
/// `ENOMEM` when vm.max_map_count is reached: each such range costs up to two mappings.
///
/// # Safety
/// The range is page-aligned, was mapped by [`reserve`], and nothing accesses it.
pub unsafe fn protect_none(base: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: by the contract.
    let result = unsafe { libc::mprotect(base.as_ptr().cast(), len, libc::PROT_NONE) };
    check(result, NO_MAPPING_LEFT)
}

/// What [`protect_none`] fails with at the limit, for who keeps a distance from it.
pub fn no_mapping_left() -> io::Error {
    os_error(libc::ENOMEM, NO_MAPPING_LEFT)
}

/// How many mappings a process may have: vm.max_map_count, or the kernel's default if that cannot be read.
pub fn max_map_count() -> usize {
    let text = read_file(c"/proc/sys/vm/max_map_count");
    let count = text.ok().and_then(|text| parse_u64(text.trim_ascii()));
    count.map_or(DEFAULT_MAX_MAP_COUNT, |count| count as usize)
}

/// Makes the range readable and writable.
///
/// # Errors
/// `ENOMEM` when that splits a mapping and vm.max_map_count is reached, or under vm.overcommit_memory=2
/// when so much may not be promised.
///
/// # Safety
/// The range is page-aligned and was mapped by [`reserve`]; nobody relies on it to fault.
pub unsafe fn protect_rw(base: NonNull<u8>, len: usize) -> io::Result<()> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: by the contract.
    let result = unsafe { libc::mprotect(base.as_ptr().cast(), len, access) };
    check(result, "making stack memory writable")
}

/// The pages in the range that have memory behind them, in bytes. Guards may count too.
pub fn resident(base: NonNull<u8>, len: usize) -> usize {
    /// Pages asked about in one call.
    const BATCH: usize = 512;
    let page = page_size();
    let mut in_core = [0_u8; BATCH];
    let mut pages = 0;
    let mut at = 0;
    while at < len {
        let span = (len - at).min(BATCH * page);
        // SAFETY: mincore reads no memory of the range (it fails on what is not mapped) and writes one
        // byte a page, of which there is room for BATCH.
        let result =
            unsafe { libc::mincore(base.as_ptr().wrapping_add(at).cast(), span, in_core.as_mut_ptr()) };
        if result == 0 {
            let seen = &in_core[..span.div_ceil(page)];
            pages += seen.iter().filter(|flags| *flags & 1 != 0).count();
        }
        at += span;
    }
    pages * page
}

/// Whether reading the byte at `address` would fault. Nothing is read: the kernel tries in our place.
pub fn is_guarded(address: usize) -> bool {
    // An aligned word never reaches into the next page.
    let word = address & !(KERNEL_SIGSET - 1);
    // SAFETY: rt_sigprocmask copies the new mask first, EFAULT if it cannot, and then refuses the `how`,
    // EINVAL: neither the mask of this thread nor any memory changes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            NO_SUCH_HOW,
            word,
            ptr::null_mut::<libc::sigset_t>(),
            KERNEL_SIGSET,
        )
    };
    // SAFETY: errno is this thread's own.
    result != 0 && unsafe { *libc::__errno_location() } == libc::EFAULT
}

fn check(result: libc::c_int, what: &'static str) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(last_os_error(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = 1 << 20;

    #[test]
    fn a_reservation_is_aligned_writable_and_empty_until_touched() {
        for align in [4 << 10, 256 << 10, 4 << 20, 64 << 20] {
            let base = reserve(LEN, align).unwrap();
            assert!(base.addr().get().is_multiple_of(align));
            assert_eq!(resident(base, LEN), 0);
            // SAFETY: reserved just now, released at the end.
            unsafe {
                base.add(LEN - 1).write(1);
                assert_eq!(resident(base, LEN), page_size());
                dontneed(base, LEN).unwrap();
                assert_eq!(resident(base, LEN), 0);
                assert_eq!(base.add(LEN - 1).read(), 0);
                release(base, LEN).unwrap();
            }
        }
    }

    #[test]
    fn both_kinds_of_guard_fault_and_come_off() {
        let base = reserve(LEN, page_size()).unwrap();
        let at = base.addr().get();
        let len = 2 * page_size();
        type Change = unsafe fn(NonNull<u8>, usize) -> io::Result<()>;
        let kinds: [(Change, Change); 2] = [(protect_none, protect_rw), (guard_install, guard_remove)];
        for (on, off) in kinds {
            // SAFETY: reserved just now; nothing else knows of it.
            match unsafe { on(base, len) } {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => continue,
                Err(error) => panic!("{error}"),
            }
            assert!(is_guarded(at) && is_guarded(at + len - 1) && !is_guarded(at + len));
            // SAFETY: as above.
            unsafe { off(base, len) }.unwrap();
            assert!(!is_guarded(at) && !is_guarded(at + len - 1));
        }
        // SAFETY: not used any more.
        unsafe { release(base, LEN) }.unwrap();
    }

    #[test]
    fn too_much_is_an_error_that_says_so() {
        let error = reserve(1 << 50, page_size()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOMEM));
        assert!(crate::sys::context(&error).unwrap().contains("address space"));
    }
}
