//! The frames of a G that is parked mid-stack, from the outside: its stack is read, and nothing runs on it. So it needs no
//! room there, touches no page that is not in use, and works however deep the G stands.
//!
//! Made before the world is stopped, since that takes memory; the unwinding takes none.

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, FrameAddress, Module, MustNotAllocateDuringUnwind, Unwinder as _,
    UnwinderNative,
};

use crate::stack::Stack;
use crate::{arch, sys};

/// Frames beyond are left out (Go prints as many).
pub(super) const MAX_FRAMES: usize = 100;

pub(super) struct Unwinder {
    unwinder: UnwinderNative<&'static [u8], MustNotAllocateDuringUnwind>,
    cache: CacheNative<MustNotAllocateDuringUnwind>,
}

impl Unwinder {
    /// Knows the modules that are loaded now.
    pub(super) fn new() -> Unwinder {
        let mut unwinder = UnwinderNative::new();
        // SAFETY: only modules that code on some stack lies in are looked at, and these are not unloaded.
        unsafe { sys::modules(|module| unwinder.add_module(known(module))) };
        Unwinder {
            unwinder,
            cache: CacheNative::new_in(),
        }
    }

    /// Shows the address of each frame of who is suspended on `stack`, the innermost first, at most [`MAX_FRAMES`].
    /// False: there are more.
    ///
    /// # Safety
    /// `context` is what a switch saved on that stack, and nobody resumes it meanwhile.
    pub(super) unsafe fn frames(
        &mut self,
        stack: Stack,
        context: usize,
        mut show: impl FnMut(usize),
    ) -> bool {
        let mut read = |addr: u64| {
            let addr = addr as usize;
            let is_word = addr.is_multiple_of(size_of::<usize>());
            if is_word && (stack.lo()..stack.hi()).contains(&addr) {
                // SAFETY: a word of the stack; who owns it is suspended (caller).
                Ok(unsafe { std::ptr::with_exposed_provenance::<u64>(addr).read() })
            } else {
                Err(())
            }
        };
        // SAFETY: the caller's promise.
        let (pc, regs) = unsafe { arch::unwind_regs(context) };
        let mut frames = self
            .unwinder
            .iter_frames(pc as u64, regs, &mut self.cache, &mut read);
        for _ in 0..MAX_FRAMES {
            match frames.next() {
                Ok(Some(FrameAddress::InstructionPointer(at))) => show(at as usize),
                Ok(Some(FrameAddress::ReturnAddress(at))) => show(at.get() as usize),
                // The end, or code of which nobody says how to unwind it.
                Ok(None) | Err(_) => return true,
            }
        }
        !matches!(frames.next(), Ok(Some(_)))
    }
}

fn known(module: sys::Module) -> Module<&'static [u8]> {
    let base = module.base as u64;
    let section = |bytes: &'static [u8]| {
        let start = bytes.as_ptr().addr() as u64 - base;
        Some(start..start + bytes.len() as u64)
    };
    let sections = ExplicitModuleSectionInfo {
        eh_frame_svma: section(module.eh_frame),
        eh_frame: Some(module.eh_frame),
        eh_frame_hdr_svma: section(module.eh_frame_hdr),
        eh_frame_hdr: Some(module.eh_frame_hdr),
        ..ExplicitModuleSectionInfo::default()
    };
    let code = module.code.start as u64..module.code.end as u64;
    Module::new(String::new(), code, base, sections)
}
