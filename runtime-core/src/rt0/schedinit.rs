//! The scheduler's words before the first G. Go: schedinit, in its order; what has no meaning without a compiler and
//! a collector (moduledata, typelinks, itabs, alg, gc) has no step.

use std::sync::atomic::Ordering;

use crate::m::M;
use crate::rt0::{MainOptions, args, osinit};
use crate::sched::{MAX_PROCS, SCHED, deferred, idle, mstart, ncpu, procs};
use crate::stack::{self, Class};
use crate::steps::step;
use crate::{debug, fence, sys, throw, warning};

#[inline(never)]
pub(crate) fn schedinit(m0: &'static M, options: MainOptions, is_main: bool) {
    step("schedinit");
    mallocinit(m0);
    fastrandinit(m0);
    mcommoninit(m0);
    msigsave();
    parsedebugvars(options);
    fenceinit(is_main);
    lastpoll();
    let n = procs(options);
    procresize(m0, n);
    step("deferwakeinit");
    deferred::init();
}

/// The first arena of stacks, and the one that m0 polls on.
#[inline(never)]
fn mallocinit(m0: &'static M) {
    step("mallocinit");
    match stack::alloc(Class::TASK) {
        Ok(spare) => m0.spare.set(Some(spare)),
        Err(error) => throw(format_args!(
            "mallocinit: no address space for the first stack: {}",
            sys::brief(&error)
        )),
    }
}

#[inline(never)]
fn fastrandinit(m0: &'static M) {
    step("fastrandinit");
    m0.rand.set(args::random_seed() | 1);
}

#[inline(never)]
fn mcommoninit(m0: &'static M) {
    step("mcommoninit");
    m0.tid.store(sys::gettid(), Ordering::Relaxed);
    SCHED.set_m(m0);
    SCHED.nm.store(1, Ordering::Release);
}

#[inline(never)]
fn msigsave() {
    step("msigsave");
    mstart::save_sigmask();
}

#[inline(never)]
fn parsedebugvars(options: MainOptions) {
    step("parsedebugvars");
    debug::parsedebugvars();
    if let Some(bytes) = options.stack_size {
        debug::set_default_stack(bytes);
    }
}

/// For rule 3's handshake.
#[inline(never)]
fn fenceinit(is_main: bool) {
    step("fenceinit");
    // In library mode there are threads already: `sysmon::lighten`.
    if is_main && fence::register() {
        fence::lighten();
    }
}

#[inline(never)]
fn lastpoll() {
    step("lastpoll");
    SCHED.lastpoll.store(sys::nanotime(), Ordering::Relaxed);
}

/// The entry's wish, $GOMAXPROCS, or the number of processors.
fn procs(options: MainOptions) -> u32 {
    if let Some(n) = options.processors {
        if n > MAX_PROCS {
            warning!("processors: {n} is more than {MAX_PROCS}; using {MAX_PROCS}");
        }
        ncpu::chosen();
        return n.clamp(1, MAX_PROCS) as u32;
    }
    let available = osinit::ncpu();
    let Some(value) = debug::env(c"GOMAXPROCS") else {
        return available;
    };
    let Some(n) = debug::number(value) else {
        warning!("GOMAXPROCS: ignoring {value:?}: not a positive number; using {available}");
        return available;
    };
    if n > MAX_PROCS {
        warning!("GOMAXPROCS: {value} is more than {MAX_PROCS}; using {MAX_PROCS}");
    }
    ncpu::chosen();
    n.min(MAX_PROCS) as u32
}

#[inline(never)]
fn procresize(m0: &'static M, n: u32) {
    step("procresize");
    let p0 = procs::procresize(n);
    idle::acquirep(m0, p0);
    SCHED.adopt_home(&mut SCHED.lock.lock(), m0);
}
