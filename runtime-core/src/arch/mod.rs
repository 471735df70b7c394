//! What the runtime needs of a processor: one contract, one file per architecture.
//!
//! Each file provides:
//!
//! - [`switch`]: saves the running context into one word, resumes another; returns when somebody resumes this one.
//! - [`start`]: the same, but enters a function on a fresh stack. The function never returns; above it stands
//!   `goexit`, where backtraces end.
//! - [`cpuinfo`] and [`cputicks`]: the processor's vendor and version, and its cheap clock.
//! - [`thread_pointer_self`], [`load_via_thread_pointer`]: what `settls` proves the G slot with.
//! - [`stack_pointer`]: for `check`, and to record where g0 stands.
//!
//! - [`unwind_regs`]: what unwinding a suspended context begins with.
//! - [`keeps_callee_saved`], [`clobber_callee_saved`], [`break_callee_saved`]: what `check` tests the switch with.
//!
//! - [`valgrind_request`]: what Valgrind takes for a question to itself, and the processor for nothing.
//!
//! A switch keeps the callee-saved registers and the stack; it does not save MXCSR and the x87 control word
//! (nobody changes them across a call) nor errno (`park` does). The file above this one must not know any register.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub use x86_64::{
    CpuInfo, STACK_ALIGN, break_callee_saved, clobber_callee_saved, cpuinfo, cputicks, keeps_callee_saved,
    load_via_thread_pointer, stack_pointer, start, switch, thread_pointer_self, unwind_regs,
    valgrind_request,
};

#[cfg(not(target_arch = "x86_64"))]
compile_error!(
    "gort: no stack switch for this architecture: write runtime-core/src/arch/ARCH.rs to the contract in arch/mod.rs"
);
