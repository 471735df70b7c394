//! How many processors this process may use, and how large a huge page is. Called by rt0's `osinit`.

use super::file::{parse_u64, read_file};

/// Bytes of affinity mask, room for 65,536 processors (Go: os_linux.go getproccount).
const MASK_BYTES: usize = 8 * 1024;

/// The processors in the affinity mask of a thread, at least 1; 0: the calling one's.
pub fn ncpu_affinity(tid: u32) -> usize {
    let mut mask = [0_u64; MASK_BYTES / size_of::<u64>()];
    // SAFETY: the mask is ours, of the length told. The raw call, unlike libc's, returns how much it wrote.
    let written = unsafe { libc::syscall(libc::SYS_sched_getaffinity, tid, MASK_BYTES, mask.as_mut_ptr()) };
    let words = usize::try_from(written).map_or(0, |bytes| bytes / size_of::<u64>());
    let count: u32 = mask[..words].iter().map(|word| word.count_ones()).sum();
    count.max(1) as usize
}

/// The size of a transparent huge page, 0 if the kernel has none (Go: os_linux.go getHugePageSize).
pub fn huge_page_size() -> usize {
    read_file(c"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
        .ok()
        .and_then(|text| parse_u64(text.trim_ascii()))
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| size.is_power_of_two())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_processor_and_std_counts_no_more() {
        let ncpu = ncpu_affinity(0);
        assert!(ncpu >= std::thread::available_parallelism().unwrap().get());
    }

    #[test]
    fn a_huge_page_is_none_or_larger_than_a_page() {
        let size = huge_page_size();
        assert!(size == 0 || size > crate::sys::page_size());
    }
}
