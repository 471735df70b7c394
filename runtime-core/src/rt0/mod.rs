//! The boot: from the process's first instruction (or the first call in somebody else's program) to the scheduling
//! loop on m0. Each step is a function with Go's name, run in Go's order; `README.md` beside this file has the table.
//!
//! `GORTDEBUG=boot=1` prints each step with the microseconds since `rt0_go`.

pub(crate) mod args;
pub(crate) mod check;
pub(crate) mod cpuinfo;
pub(crate) mod main;
pub(crate) mod osinit;
pub(crate) mod schedinit;
pub(crate) mod settls;

use std::panic::Location;

use crate::fatal::refuse;
use crate::g::Labels;
use crate::m::M;
use crate::sched::{mstart, newm};
use crate::steps::step;
use crate::{debug, life, sys, throw};

/// m0: the process's first thread with `#[gort::main]`, a thread of its own in library mode.
static M0: M = M::new(0, 0x9e37_79b9_7f4a_7c15);

/// What the program's entry asks of the runtime before it boots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MainOptions {
    /// GOMAXPROCS; goes before the environment.
    pub processors: Option<usize>,
    /// The default stack of goroutines, in bytes; goes before $GORT_STACK.
    pub stack_size: Option<usize>,
}

/// How the runtime comes up.
pub(crate) enum Boot<'a> {
    /// On the process's first thread.
    Main(Main<'a>),
    /// On a thread of its own, inside somebody else's program.
    Library,
}

/// What `main` is made of.
pub(crate) struct Main<'a> {
    options: MainOptions,
    /// Where the program calls it.
    at: &'static Location<'static>,
    /// From the user's allocator, so made before there is a g0 (rule 8).
    labels: Box<Labels>,
    body: &'a mut dyn FnMut(),
}

/// Boots on the process's first thread, runs `body` on the main goroutine, which is pinned to it, and returns when
/// it has. No other goroutine is started afterwards: the caller ends the process.
///
/// # Panics
/// Does not; a second call, or one from another thread than the first, is a fatal error in one line.
#[track_caller]
pub fn main(options: MainOptions, body: &mut dyn FnMut()) {
    life::check_fork();
    if sys::gettid() != std::process::id() {
        refuse(format_args!(
            "gort::main: not called on the process's first thread"
        ));
    }
    life::watch_fork();
    if !life::begin() {
        refuse(format_args!(
            "gort::main: the runtime is up already; call it before anything else of gort, once"
        ));
    }
    let labels = Labels {
        name: Some("main".into()),
        stack: None,
    };
    rt0_go(Boot::Main(Main {
        options,
        at: Location::caller(),
        labels: Box::new(labels),
        body,
    }));
}

/// Boots in library mode unless the runtime is up. One load if it is.
#[inline]
pub fn ensure_booted() {
    if !life::is_up() {
        boot_library();
    }
}

#[cold]
fn boot_library() {
    life::check_fork();
    life::watch_fork();
    if life::begin() {
        let entry = rt0_lib_go;
        if let Err(error) = sys::spawn_thread(c"gort-m0", newm::THREAD_STACK, entry, std::ptr::null_mut()) {
            throw(format_args!("no thread for the runtime: {}", sys::brief(&error)));
        }
    }
    life::wait_until_up();
}

/// Go: _rt0_amd64_linux_lib.
extern "C" fn rt0_lib_go(_: *mut std::ffi::c_void) -> *mut std::ffi::c_void {
    rt0_go(Boot::Library);
    std::ptr::null_mut()
}

/// The steps, in Go's order. Returns when the main goroutine has; in library mode never.
#[inline(never)]
fn rt0_go(boot: Boot<'_>) {
    debug::early();
    step("rt0_go");
    mstart::g0_stack(&M0);
    cpuinfo::cpuinfo();
    settls::settls();
    M0.bind();
    step("m0");
    check::check();
    args::args();
    osinit::osinit();
    let (options, is_main) = match &boot {
        Boot::Main(main) => (main.options, true),
        Boot::Library => (MainOptions::default(), false),
    };
    schedinit::schedinit(&M0, options, is_main);
    main::newproc(&M0, boot);
    mstart::mstart(&M0);
}
