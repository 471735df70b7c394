//! To another stack and back, with no scheduler: two raw switches. Its peer is corosensei, whose coroutines
//! resume and suspend.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::time::Duration;

use corosensei::Coroutine;
use gort_runtime_core::{Class, arch, stack};

use crate::measure::{Reading, measure};

pub(crate) struct SwitchPair;

/// The two contexts of which one is suspended at a time.
struct Contexts {
    here: Cell<usize>,
    there: Cell<usize>,
}

/// Switches back whenever it is switched to.
extern "C" fn echo(contexts: *mut c_void) -> ! {
    // SAFETY: `gort` passes its own, which it keeps while it switches.
    let contexts: &Contexts = unsafe { &*contexts.cast() };
    loop {
        // SAFETY: `here` was saved by the switch that came here, on this thread.
        unsafe { arch::switch(&contexts.there, contexts.here.get()) };
    }
}

impl SwitchPair {
    pub(crate) const NAME: &'static str = "switch-pair";

    pub(crate) fn gort(target: Duration) -> Reading {
        let stack = stack::alloc(Class::TASK).expect("there is room for a stack");
        let contexts = Contexts {
            here: Cell::new(0),
            there: Cell::new(0),
        };
        let arg = ptr::from_ref(&contexts).cast_mut().cast();
        // SAFETY: the stack is fresh and nobody else's; `echo` comes back.
        unsafe { arch::start(&contexts.here, stack.initial_sp(), echo, arg) };
        let reading = measure(target, |ops| {
            for _ in 0..ops {
                // SAFETY: `there` was saved by the switch that came back here.
                unsafe { arch::switch(&contexts.here, contexts.there.get()) };
            }
            ops
        });
        // SAFETY: ours, and nobody comes back to the frames of `echo`, which own nothing.
        unsafe { stack::free(stack) };
        reading
    }

    pub(crate) fn corosensei(target: Duration) -> Reading {
        let mut coroutine = Coroutine::new(|yielder, ()| -> () {
            loop {
                yielder.suspend(());
            }
        });
        let reading = measure(target, |ops| {
            for _ in 0..ops {
                let _ = coroutine.resume(());
            }
            ops
        });
        // SAFETY: nothing on its stack has a destructor.
        unsafe { coroutine.force_reset() };
        reading
    }
}
