//! Whether the machine does what the runtime is built on. Go: check. A test that fails aborts.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::g::G;
use crate::m::M;
use crate::p::P;
use crate::stack::{self, Class, Stack};
use crate::state::MAX_LEVEL;
use crate::steps::step;
use crate::{arch, debug, sys, throw};

const WORD: usize = size_of::<usize>();

#[inline(never)]
pub(crate) fn check() {
    step("check");
    layouts();
    cas();
    let stack = match stack::alloc(Class::MIN) {
        Ok(stack) => stack,
        Err(error) => throw(format_args!(
            "check: no address space for a stack: {}",
            sys::brief(&error)
        )),
    };
    alignment(stack);
    switches(stack);
    guard(stack);
    // SAFETY: allocated above; `switches` has left it.
    unsafe { stack::free(stack) };
}

fn layouts() {
    let needed = usize::from(MAX_LEVEL) + 1 + usize::from(debug::fault("check_layout")) * 4096;
    if align_of::<G>() < needed || align_of::<M>() < WORD || align_of::<P>() < WORD {
        throw(format_args!(
            "check: a G is aligned to {}, not {needed}",
            align_of::<G>()
        ));
    }
}

fn cas() {
    let start = if debug::fault("check_cas") {
        1 << 40 | 1
    } else {
        1 << 40
    };
    let word = AtomicU64::new(start);
    let hit = word
        .compare_exchange(1 << 40, 2 << 40, Ordering::SeqCst, Ordering::SeqCst)
        .is_ok();
    let miss = word
        .compare_exchange(1 << 40, 3 << 40, Ordering::SeqCst, Ordering::SeqCst)
        .is_err();
    if !hit || !miss || word.load(Ordering::SeqCst) != 2 << 40 {
        throw(format_args!("check: 64-bit compare-and-swap does not work"));
    }
}

fn alignment(stack: Stack) {
    let sp = stack.initial_sp() + 8 * usize::from(debug::fault("check_align"));
    if !sp.is_multiple_of(arch::STACK_ALIGN) {
        throw(format_args!(
            "check: a stack begins at {sp:#x}, not a multiple of {}",
            arch::STACK_ALIGN
        ));
    }
}

thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
    static STACK: Cell<Option<Stack>> = const { Cell::new(None) };
}

/// Switches to `STACK` and back.
extern "C" fn there_and_back() {
    let Some(stack) = STACK.get() else { return };
    // SAFETY: the stack is ours and unused; `there` comes back once, and is not resumed.
    HERE.with(|here| unsafe { arch::start(here, stack.initial_sp(), there, std::ptr::null_mut()) });
}

extern "C" fn there(_: *mut c_void) -> ! {
    arch::clobber_callee_saved();
    if debug::fault("check_switch") {
        // SAFETY: `there_and_back` waits in `HERE`.
        unsafe { arch::break_callee_saved(HERE.get()) };
    }
    let nobody = Cell::new(0);
    // SAFETY: `there_and_back` waits in `HERE`.
    unsafe { arch::switch(&nobody, HERE.get()) };
    unreachable!("check's other side was resumed")
}

fn switches(stack: Stack) {
    STACK.set(Some(stack));
    let kept = arch::keeps_callee_saved(there_and_back);
    STACK.set(None);
    if !kept {
        throw(format_args!(
            "check: a stack switch does not keep the callee-saved registers"
        ));
    }
}

fn guard(stack: Stack) {
    // It answers for the kernel what `is_guarded` asks, and knows nothing of guards.
    if stack::valgrind::is_running() {
        return;
    }
    let guard = if debug::fault("check_guard") {
        stack.lo()..stack.hi()
    } else {
        stack.guard()
    };
    let last = guard.end - 1;
    if !sys::mem::is_guarded(guard.start)
        || !sys::mem::is_guarded(last)
        || sys::mem::is_guarded(stack.hi() - 1)
    {
        throw(format_args!(
            "check: the guard at {:#x} does not fault",
            guard.start
        ));
    }
}
