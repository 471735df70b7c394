//! The main goroutine. Go: runtime.main.
//!
//! It starts sysmon and the scavenger, then runs the user's main, pinned to m0. In library mode there is no user's
//! main: it says that the runtime is up, and ends.

use std::cell::UnsafeCell;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use std::task::Context;

use crate::g::{Birth, G, Gp, Ran, Vtable};
use crate::m::M;
use crate::rt0::Boot;
use crate::sched::SCHED;
use crate::sched::newproc::newproc;
use crate::stack::{self, Class};
use crate::steps::step;
use crate::{life, sys, throw, warning};

/// The main goroutine's stack when the thread's own is unlimited: what Linux gives by default.
const UNLIMITED_STACK: usize = 8 << 20;

/// Lives in `rt0_go`'s frame, which outlives the scheduling loop.
#[repr(C)]
pub(crate) struct MainG<'a> {
    g: G,
    boot: UnsafeCell<Boot<'a>>,
}

static VTABLE: Vtable = Vtable {
    run: runtime_main,
    drop_body: nothing,
    drop_output: nothing,
    dealloc: nothing,
    task: false,
};

unsafe fn nothing(_: Gp) {}

impl<'a> MainG<'a> {
    #[track_caller]
    pub(crate) fn new(boot: Boot<'a>) -> MainG<'a> {
        let library = matches!(boot, Boot::Library);
        let birth = Birth {
            local: true,
            system: library,
            handle: false,
        };
        let g = G::new(&VTABLE, birth, Location::caller(), None);
        if !library {
            // It has the stack that main had.
            let class = Class::for_size(sys::rlimit_stack().unwrap_or(UNLIMITED_STACK));
            match stack::alloc(class) {
                Ok(stack) => g.frames.set(Some(stack)),
                Err(_) => throw(format_args!(
                    "no address space for the main goroutine's stack of {} bytes; lower `ulimit -s`",
                    class.size()
                )),
            }
        }
        MainG {
            g,
            boot: UnsafeCell::new(boot),
        }
    }

    /// Makes it runnable, on m0 for ever.
    pub(crate) fn newproc(&mut self, m0: &'static M) {
        debug_assert!(M::current().is_some_and(|m| m.is(m0)));
        step("newproc");
        // SAFETY: the cell stays where it is until `schedule` has returned; fresh.
        unsafe { newproc(Gp::new(NonNull::from(self).cast())) };
    }
}

/// Go: runtime.main.
#[inline(never)]
unsafe fn runtime_main(g: Gp, _: &mut Context<'_>) -> Ran {
    step("main");
    if M::current().is_none_or(|m| m.id != 0) {
        throw(format_args!("runtime.main is not on m0"));
    }
    sysmon();
    scavenger();
    // SAFETY: the vtable is MainG's; the G runs once, so this is the only reference.
    let boot = unsafe { &mut *(*g.as_ptr().cast::<MainG<'_>>()).boot.get() };
    if let Boot::Main(_, body) = boot {
        step("main.main");
        life::up();
        body();
        // Nothing is started from here on; `schedule` returns on m0.
        SCHED.exiting.store(true, Ordering::Release);
    } else {
        life::up();
    }
    Ran::Done { output: false }
}

#[inline(never)]
fn sysmon() {
    step("sysmon");
    if let Err(error) = crate::sysmon::start() {
        warning!("no thread for sysmon: {error}; nobody watches over blocked threads");
    }
}

/// Starts the scavenger and waits until it is there (Go: gcenable waits for bgscavenge).
#[inline(never)]
fn scavenger() {
    step("scavenger");
    crate::sched::scavenger::start_and_wait();
}
