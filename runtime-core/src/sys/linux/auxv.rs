//! The auxiliary vector, as the kernel gave it to the process. Read by rt0's `args` and `osinit`.
//! Must never be written to.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What the runtime wants of the auxiliary vector (getauxval(3)).
#[derive(Clone, Copy, Debug)]
pub struct Auxv {
    /// `AT_PAGESZ`.
    pub page_size: usize,
    /// The 16 bytes behind `AT_RANDOM`, if the kernel gave any.
    pub random: Option<[u8; 16]>,
    /// `AT_HWCAP2`, 0 if absent.
    pub hwcap2: usize,
    /// `AT_SYSINFO_EHDR`, the address of the vDSO, 0 if absent.
    pub sysinfo_ehdr: usize,
    /// `AT_MINSIGSTKSZ`, the least that a signal frame needs, 0 if absent.
    pub minsigstksz: usize,
}

/// An address above the stack that the process began on, 0 if the kernel gave none.
pub(super) fn above_first_stack() -> usize {
    // All that the kernel passes to a program lies there (fs/binfmt_elf.c, create_elf_tables).
    get(libc::AT_RANDOM)
}

/// Reads the auxiliary vector.
pub fn auxv() -> Auxv {
    let random = get(libc::AT_RANDOM) as *const [u8; 16];
    Auxv {
        page_size: page_size(),
        // SAFETY: null, or the address of 16 bytes that the kernel put above the stack for good.
        random: unsafe { random.as_ref() }.copied(),
        hwcap2: get(libc::AT_HWCAP2),
        sysinfo_ehdr: get(libc::AT_SYSINFO_EHDR),
        minsigstksz: get(libc::AT_MINSIGSTKSZ),
    }
}

/// The size of a page.
#[inline]
pub fn page_size() -> usize {
    /// 0 until first asked. Every thread would store the same.
    static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);
    match PAGE_SIZE.load(Ordering::Relaxed) {
        0 => {
            let size = get(libc::AT_PAGESZ);
            PAGE_SIZE.store(size, Ordering::Relaxed);
            size
        }
        size => size,
    }
}

fn get(tag: libc::c_ulong) -> usize {
    // SAFETY: getauxval only looks a tag up and answers 0 for one that is not there.
    unsafe { libc::getauxval(tag) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_gave_pages_and_random_bytes() {
        let auxv = auxv();
        assert!(auxv.page_size.is_power_of_two() && auxv.page_size >= 4096);
        assert_eq!(auxv.page_size, page_size());
        assert_ne!(auxv.random.unwrap(), [0; 16]);
    }
}
