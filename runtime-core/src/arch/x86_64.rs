//! x86-64, System V. See `arch/mod.rs` for the contract.
//!
//! ```text
//!  fresh (start)                      suspended (switch)
//!  Top                                ...frames of whoever called switch
//!  goexit + 1   <- rsp at entry       [address to resume at]
//!  (16n + 8)                          [rbp]
//!                                     [rbx]  <- the saved word points here
//! ```
//!
//! The switch is inline assembly that declares everything else clobbered, so the compiler spills only what lives,
//! and it resumes by an indirect `jmp`: the call/ret form costs 12 ns because the return is always mispredicted,
//! this one 1.5 ns.

use std::arch::x86_64::{__cpuid, __cpuid_count, _rdtsc};
use std::arch::{asm, global_asm};
use std::cell::Cell;
use std::ffi::c_void;

/// What the stack pointer is a multiple of before a call.
pub const STACK_ALIGN: usize = 16;

global_asm!(
    // Go: asm_amd64.s goexit. Planted as the return address of a goroutine's first function; unwinders look one
    // byte before a return address, hence the nop. `undefined rip` tells them that nothing called it.
    ".globl gort_goexit",
    ".hidden gort_goexit",
    ".type gort_goexit,@function",
    "gort_goexit:",
    ".cfi_startproc",
    ".cfi_undefined rip",
    "nop",
    "ud2",
    ".cfi_endproc",
    ".size gort_goexit, . - gort_goexit",
);

/// Saves the running context into `from` and resumes the one saved in `to`. Returns when somebody resumes `from`.
///
/// # Safety
/// `to` holds what a `switch` or `start` on this thread saved and nobody has resumed since; its stack is intact.
/// rustc's view of this thread (locals, thread-locals) stays true only if both sides run on one thread.
#[inline(always)]
pub unsafe fn switch(from: &Cell<usize>, to: usize) {
    // SAFETY: pushes below rsp only (no `nostack`: the compiler keeps the red zone clear), restores rbx and rbp,
    // which cannot be operands, and declares every other register clobbered. The rest is the caller's promise.
    unsafe {
        asm!(
            "lea rax, [rip + 2f]",
            "push rax",
            "push rbp",
            "push rbx",
            "mov [rdi], rsp",
            "mov rsp, rsi",
            "jmp qword ptr [rsp + 16]",
            "2:",
            "pop rbx",
            "pop rbp",
            "lea rsp, [rsp + 8]",
            inout("rdi") from.as_ptr() => _,
            inout("rsi") to => _,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            clobber_abi("sysv64"),
        );
    }
}

/// Where a suspended context resumes, and the registers that unwinding goes by, as they are once it has.
///
/// # Safety
/// `context` is what a `switch` or `start` saved and nobody has resumed since; its stack is intact.
pub unsafe fn unwind_regs(context: usize) -> (usize, framehop::UnwindRegsNative) {
    /// rbx, rbp and the address, as the picture above shows them.
    const WORDS: usize = 3;
    let words = std::ptr::with_exposed_provenance::<[usize; WORDS]>(context);
    // SAFETY: the caller's promise.
    let [_rbx, rbp, rip] = unsafe { words.read() };
    // What CFI says of the code around the switch holds where nothing is pushed.
    let rsp = context + WORDS * size_of::<usize>();
    let regs = framehop::UnwindRegsNative::new(rip as u64, rsp as u64, rbp as u64);
    (rip, regs)
}

/// Saves the running context into `from` and calls `entry(arg)` on the stack below `sp`.
///
/// # Safety
/// As for [`switch`]; `sp` is the 16-byte aligned top of a stack that nobody uses.
#[inline(always)]
pub unsafe fn start(from: &Cell<usize>, sp: usize, entry: extern "C" fn(*mut c_void) -> !, arg: *mut c_void) {
    // SAFETY: as in `switch`. The return address planted is `goexit`, and rsp is 8 mod 16 at entry, as after a call.
    unsafe {
        asm!(
            "lea rax, [rip + 2f]",
            "push rax",
            "push rbp",
            "push rbx",
            "mov [rsi], rsp",
            "mov rsp, rdx",
            "lea rax, [rip + gort_goexit + 1]",
            "push rax",
            "xor ebp, ebp",
            "jmp rcx",
            "2:",
            "pop rbx",
            "pop rbp",
            "lea rsp, [rsp + 8]",
            inout("rdi") arg => _,
            inout("rsi") from.as_ptr() => _,
            inout("rdx") sp => _,
            inout("rcx") entry => _,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            clobber_abi("sysv64"),
        );
    }
}

/// What `cpuinfo` learns at boot (Go: rt0_go's CPUID).
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuInfo {
    /// "GenuineIntel", "AuthenticAMD" and so on.
    pub vendor: [u8; 12],
    /// Leaf 1's eax: stepping, model, family (Go: processorVersionInfo).
    pub version: u32,
    /// The time stamp counter runs at one rate in every power state.
    pub invariant_tsc: bool,
    /// lfence, not mfence, orders RDTSC (Go: lfenceBeforeRdtsc).
    pub lfence_orders_tsc: bool,
}

/// Asks the processor who it is.
pub fn cpuinfo() -> CpuInfo {
    /// The leaf that holds the invariant-TSC bit.
    const POWER_LEAF: u32 = 0x8000_0007;
    const INVARIANT_TSC: u32 = 1 << 8;
    let leaf0 = __cpuid(0);
    let mut vendor = [0; 12];
    vendor[..4].copy_from_slice(&leaf0.ebx.to_le_bytes());
    vendor[4..8].copy_from_slice(&leaf0.edx.to_le_bytes());
    vendor[8..].copy_from_slice(&leaf0.ecx.to_le_bytes());
    let version = if leaf0.eax >= 1 { __cpuid(1).eax } else { 0 };
    let extended = __cpuid(0x8000_0000).eax;
    let invariant_tsc = extended >= POWER_LEAF && __cpuid_count(POWER_LEAF, 0).edx & INVARIANT_TSC != 0;
    CpuInfo {
        vendor,
        version,
        invariant_tsc,
        lfence_orders_tsc: &vendor == b"GenuineIntel",
    }
}

/// The scheduler's cheap clock: counts at an unknown but steady rate; not ordered with what stands around it.
#[inline(always)]
pub fn cputicks() -> u64 {
    // SAFETY: every x86-64 has RDTSC, and Linux lets user code use it.
    unsafe { _rdtsc() }
}

/// The running stack pointer.
#[inline(always)]
pub fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// The thread control block's pointer to itself: what the thread pointer should be.
pub fn thread_pointer_self() -> usize {
    let tp: usize;
    // SAFETY: the System V TLS ABI puts the TCB's own address at fs:0.
    unsafe { asm!("mov {}, fs:[0]", out(reg) tp, options(nostack, readonly, preserves_flags)) };
    tp
}

/// The word at `offset` from the thread pointer, read the way compiled code reads a thread-local.
///
/// # Safety
/// `offset` is that of a live, aligned word of this thread's static TLS block.
pub unsafe fn load_via_thread_pointer(offset: isize) -> usize {
    let word: usize;
    // SAFETY: the caller's promise.
    unsafe {
        asm!("mov {}, fs:[{}]", out(reg) word, in(reg) offset, options(nostack, readonly, preserves_flags))
    };
    word
}

/// Whether `f` keeps every callee-saved register. For `check`: `f` switches stacks and comes back.
pub fn keeps_callee_saved(f: extern "C" fn()) -> bool {
    let kept: u64;
    // SAFETY: rbx, rbp and rsp are put back from what was pushed below rsp (no `nostack`); everything else that is
    // touched is declared. The call happens at a multiple of 16.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "mov rbp, rsp",
            "and rsp, -16",
            "push rbp",
            "push rbp",
            "mov rbx, 0x101",
            "mov r12, 0x102",
            "mov r13, 0x103",
            "mov r14, 0x104",
            "mov r15, 0x105",
            "call {f}",
            "xor eax, eax",
            "cmp rbx, 0x101",
            "jne 3f",
            "cmp r12, 0x102",
            "jne 3f",
            "cmp r13, 0x103",
            "jne 3f",
            "cmp r14, 0x104",
            "jne 3f",
            "cmp r15, 0x105",
            "jne 3f",
            "cmp rbp, [rsp]",
            "jne 3f",
            "mov eax, 1",
            "3:",
            "mov rsp, [rsp]",
            "pop rbp",
            "pop rbx",
            f = in(reg) f,
            out("rax") kept,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            clobber_abi("C"),
        );
    }
    kept == 1
}

/// Overwrites the callee-saved registers that a function may overwrite while it runs, as any code on the other side
/// of a switch does.
#[inline(never)]
pub fn clobber_callee_saved() {
    // SAFETY: rbx and rbp are put back; the rest is declared.
    unsafe {
        asm!(
            "mov r12, -1",
            "mov r13, -1",
            "mov r14, -1",
            "mov r15, -1",
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
        );
    }
}

/// Damages what a suspended context keeps of a callee-saved register. For `check`'s own test.
///
/// # Safety
/// `context` is what a `start` on this thread saved, of a function called by [`keeps_callee_saved`].
pub unsafe fn break_callee_saved(context: usize) {
    // SAFETY: by the contract: the lowest word of a suspended context is rbx, which `keeps_callee_saved` alone relies on.
    unsafe { std::ptr::with_exposed_provenance_mut::<u64>(context).write(0) };
}

/// Asks Valgrind: a request and its arguments. 0 where there is no Valgrind.
pub fn valgrind_request(request: [usize; 6]) -> usize {
    let mut answer = 0;
    // SAFETY: the rotations make 128 bits together, and the exchange is of a register with itself: rdi and rbx are left
    // as they were. Valgrind, which knows the sequence, reads the six words and writes rdx.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") request.as_ptr(),
            inout("rdx") answer,
            options(nostack),
        );
    }
    answer
}
