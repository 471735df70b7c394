//! The main goroutine. Go: runtime.main.
//!
//! It starts sysmon and the scavenger, then runs the user's main, pinned to m0. In library mode there is no user's
//! main: it says that the runtime is up, and ends.

use std::cell::UnsafeCell;
use std::panic::Location;
use std::task::Context;

use crate::g::{Birth, G, Gp, Ran, Vtable};
use crate::m::M;
use crate::rt0::Boot;
use crate::stack::{self, Class, Stack};
use crate::steps::step;
use crate::{dump, life, sched, sys, sys_box, throw};

/// The main goroutine's stack when the thread's own is unlimited: what Linux gives by default.
const UNLIMITED_STACK: usize = 8 << 20;

/// Never freed: its wakers may outlive the scheduling loop, and `rt0_go`'s frame with it.
#[repr(C)]
struct MainG<'a> {
    g: G,
    /// The user's main; none in library mode.
    body: UnsafeCell<Option<&'a mut dyn FnMut()>>,
}

static VTABLE: Vtable = Vtable {
    run: runtime_main,
    drop_body: nothing,
    drop_output: nothing,
    dealloc: nothing,
    task: false,
    blocks: false,
};

unsafe fn nothing(_: Gp) {}

/// Makes the main goroutine, runnable on m0 and pinned to it for ever.
#[inline(never)]
#[track_caller]
pub(crate) fn newproc(m0: &'static M, boot: Boot<'_>) {
    debug_assert!(M::current().is_some_and(|m| m.is(m0)));
    step("newproc");
    let mut birth = Birth {
        local: true,
        system: false,
        handle: false,
    };
    let (g, stack, body) = match boot {
        Boot::Main(main) => {
            let g = G::new(&VTABLE, birth, main.at, Some(main.labels));
            // It has the stack that main had.
            let stack = sys::rlimit_stack().unwrap_or(UNLIMITED_STACK);
            (g, stack, Some(main.body))
        }
        Boot::Library => {
            birth.system = true;
            let g = G::new(&VTABLE, birth, Location::caller(), None);
            (g, Class::GOROUTINE.size(), None)
        }
    };
    g.frames.set(Some(main_stack(stack)));
    let cell = sys_box::leak_ptr(MainG {
        g,
        body: UnsafeCell::new(body),
    });
    // SAFETY: never freed, and only shared references to the header are made; fresh. The body that it borrows is run
    // while `rt0_go`, which has it, waits in the scheduling loop.
    unsafe { sched::newproc::newproc(Gp::new(cell.cast())) };
}

/// A thread's stack takes address space as it grows, ours all at once: where so much cannot be had, less will do.
fn main_stack(bytes: usize) -> Stack {
    let mut class = Class::for_size(bytes);
    loop {
        match stack::alloc(class) {
            Ok(stack) => return stack,
            Err(_) if class > Class::TASK => class = Class::for_size(class.size() / 2),
            Err(error) => throw(format_args!(
                "no stack for the main goroutine: {}",
                sys::brief(&error)
            )),
        }
    }
}

/// Go: runtime.main.
#[inline(never)]
unsafe fn runtime_main(g: Gp, _: &mut Context<'_>) -> Ran {
    step("main");
    if M::current().is_none_or(|m| m.id != 0) {
        throw(format_args!("runtime.main is not on m0"));
    }
    let watched = sysmon();
    scavenger();
    dump::init();
    // SAFETY: the vtable is MainG's; the G runs once, so this is the only reference.
    let body = unsafe { (*(*g.as_ptr().cast::<MainG<'_>>()).body.get()).take() };
    if let Some(body) = body {
        if watched {
            initsig();
        }
        step("main.main");
        life::up();
        sched::deadlock::watch();
        body();
        // Nothing is started from here on; `schedule` returns on m0.
        life::end();
    } else {
        life::up();
    }
    Ran::Done { output: false }
}

#[inline(never)]
fn sysmon() -> bool {
    step("sysmon");
    crate::sysmon::start()
        .inspect_err(crate::sched::startm::warn_no_m)
        .is_ok()
}

/// The signals that the runtime handles in a program of its own (Go: initsig).
#[inline(never)]
fn initsig() {
    step("initsig");
    dump::quit::install();
}

/// Starts the scavenger and waits until it is there (Go: gcenable waits for bgscavenge).
#[inline(never)]
fn scavenger() {
    step("scavenger");
    crate::sched::scavenger::start_and_wait();
}
