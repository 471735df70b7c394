//! The program and the libraries it has loaded: where their code lies, and the tables by which it is unwound.
//! Used by `dump`, with memory of the caller's allocator only through what it passes.

use std::ffi::{c_int, c_void};
use std::ops::Range;

/// What is known of one module. Of the slices, only as much is there as the module's own headers say.
#[derive(Clone, Debug)]
pub struct Module {
    /// What its own addresses are relative to.
    pub base: usize,
    /// The addresses of its code.
    pub code: Range<usize>,
    /// `.eh_frame_hdr`: an index of the next.
    pub eh_frame_hdr: &'static [u8],
    /// `.eh_frame`, and perhaps some of what follows it.
    pub eh_frame: &'static [u8],
}

/// Shows `each` module that can be unwound.
///
/// # Safety
/// A module's slices are used no more once it is unloaded.
pub unsafe fn modules(mut each: impl FnMut(Module)) {
    let mut each: &mut dyn FnMut(Module) = &mut each;
    // SAFETY: `show` casts it back, and is called before this returns.
    unsafe { libc::dl_iterate_phdr(Some(show), (&raw mut each).cast()) };
}

unsafe extern "C" fn show(info: *mut libc::dl_phdr_info, _: usize, each: *mut c_void) -> c_int {
    // SAFETY: the C library's, for the call.
    let info = unsafe { &*info };
    if !info.dlpi_phdr.is_null() {
        // SAFETY: the C library says how many there are.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        // SAFETY: a loaded module's.
        if let Some(module) = unsafe { module(info.dlpi_addr as usize, headers) } {
            // SAFETY: `modules` passed it.
            let each = unsafe { &mut *each.cast::<&mut dyn FnMut(Module)>() };
            each(module);
        }
    }
    0
}

/// # Safety
/// The headers are those of a module that is loaded at `base`.
unsafe fn module(base: usize, headers: &[libc::Elf64_Phdr]) -> Option<Module> {
    let range = |header: &libc::Elf64_Phdr| {
        let start = base.wrapping_add(header.p_vaddr as usize);
        start..start + header.p_memsz as usize
    };
    let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let code = loaded()
        .filter(|header| header.p_flags & libc::PF_X != 0)
        .map(range)
        .reduce(|all, one| all.start.min(one.start)..all.end.max(one.end))?;
    let hdr = headers
        .iter()
        .find(|header| header.p_type == libc::PT_GNU_EH_FRAME)
        .map(range)?;
    // SAFETY: a segment of a loaded module, mapped as long as that is.
    let eh_frame_hdr = unsafe { bytes(hdr.clone()) };
    let start = eh_frame_start(hdr.start, eh_frame_hdr)?;
    let end = loaded().map(range).find(|segment| segment.contains(&start))?.end;
    // SAFETY: as above: to the end of the segment that it lies in.
    let eh_frame = unsafe { bytes(start..end) };
    Some(Module {
        base,
        code,
        eh_frame_hdr,
        eh_frame,
    })
}

/// # Safety
/// The range is mapped, readable, and constant while the result is used.
unsafe fn bytes(range: Range<usize>) -> &'static [u8] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(range.start), range.len()) }
}

/// Where `.eh_frame` begins, as the header at `at` says in the one form that linkers write: the offset from the field,
/// in 32 bits.
fn eh_frame_start(at: usize, header: &[u8]) -> Option<usize> {
    const VERSION: u8 = 1;
    /// DW_EH_PE_pcrel | DW_EH_PE_sdata4
    const RELATIVE_32: u8 = 0x1b;
    const FIELD: usize = 4;
    let [VERSION, RELATIVE_32, _, _, a, b, c, d, ..] = *header else {
        return None;
    };
    let offset = i32::from_le_bytes([a, b, c, d]);
    (at + FIELD).checked_add_signed(offset as isize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_code_and_the_c_librarys_are_in_two_modules() {
        let (mut ours, mut libcs) = (0, 0);
        let here = this_code_and_the_c_librarys_are_in_two_modules as *const () as usize;
        let getpid = libc::getpid as *const () as usize;
        // SAFETY: neither is ever unloaded.
        unsafe {
            modules(|module| {
                let own = module.code.contains(&here);
                ours += usize::from(own);
                libcs += usize::from(!own && module.code.contains(&getpid));
                // Each begins with the length of a record.
                assert!(module.eh_frame.len() > 4 && module.eh_frame_hdr.len() > 8);
            });
        }
        assert_eq!(ours, 1);
        assert!(libcs <= 1);
    }

    #[test]
    fn a_header_in_another_form_is_none() {
        let good = [1, 0x1b, 3, 0x3b, 0xfc, 0xff, 0xff, 0xff];
        assert_eq!(eh_frame_start(0x1000, &good), Some(0x1000));
        assert_eq!(eh_frame_start(0x1000, &[2, 0x1b, 3, 0x3b, 0, 0, 0, 0]), None);
        assert_eq!(eh_frame_start(0x1000, &[1, 0x1c, 3, 0x3b, 0, 0, 0, 0]), None);
        assert_eq!(eh_frame_start(0x1000, &good[..7]), None);
    }
}
