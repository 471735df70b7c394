//! Dumps: every G with what it does, why and where it waits, and where it was made. Go: traceback.go, tracebackothers.
//!
//! [`dump`] and [`dump_to`] are the user's, `quit` is SIGQUIT's: these take their time, on a thread of their own. `glance`
//! is for fatal errors: from any thread, on any stack, under any lock, and without memory. `stuck` is the report of an M
//! that is, `schedtrace` that of the scheduler.

mod describe;
mod glance;
mod layout;
pub(crate) mod quit;
pub(crate) mod schedtrace;
mod snapshot;
pub(crate) mod stuck;
mod symbols;
mod text;
mod unwind;

use std::ffi::c_void;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::{ptr, thread};

use crate::fatal::{self, Dump};
use crate::m::M;
use crate::sched::{block, newm};
use crate::{life, sys};
use snapshot::Snapshot;

/// From now on a fatal error shows all Gs, and a debugger finds them.
pub(crate) fn init() {
    layout::publish();
    fatal::dump_with(Dump {
        glance: glance::print,
        and_exit,
    });
}

/// On a thread of its own: it needs locks, memory and time, of which the caller may have none.
fn and_exit(status: i32) -> ! {
    extern "C" fn dump_and_exit(status: *mut c_void) -> *mut c_void {
        fatal::take_over_the_end();
        sys::write_stderr(b"\n");
        dump();
        sys::exit(status.addr() as i32)
    }
    let arg = ptr::without_provenance_mut(status as usize);
    if sys::spawn_thread(c"gort-dump", newm::THREAD_STACK, dump_and_exit, arg).is_err() {
        glance::print();
        sys::exit(status);
    }
    sys::sleep_for_ever()
}

/// Prints every task and goroutine to stderr: its number, its name, what it does, why it waits and for how long, where
/// it waits, and where it was made.
///
/// This is what SIGQUIT (`Ctrl-\`) prints before it ends a program with `#[gort::main]`. It looks like Go's:
///
/// ```text
/// goroutine 7 [IO wait: read, 2m3s] "session":
/// server::session::read_line
///     /home/me/server/src/session.rs:31
/// server::session::run
///     /home/me/server/src/session.rs:12
///     waits at src/session.rs:31:24
///     created at src/main.rs:12:9
///
/// task 9 [sleep, at base]:
///     created at src/main.rs:14:9
/// ```
///
/// A task that waits `at base` waits in an `.await`: it has no stack, so there is nothing to say of where it stands.
/// What is `running` runs on a thread, of which a dump knows the number and no more; a closure of
/// `spawn_blocking` is `blocking`. Functions are named where the program
/// has symbols, their lines where it has debug information.
///
/// Others go on meanwhile: they may begin, wait and end. The calling thread blocks.
pub fn dump() {
    if dump_to(&mut Stderr).is_err() {
        // No thread could be had for it.
        glance::print();
    }
}

/// As [`dump`], to `out`. From a goroutine or a task, `out` is written to on a thread made for that.
///
/// # Errors
///
/// Those of `out`, and that of the system when it refuses the thread.
///
/// # Panics
///
/// If `out` does.
pub fn dump_to(out: &mut (impl Write + Send)) -> io::Result<()> {
    life::check_fork();
    // Off a G there is nothing to hand off: m0, when main has returned, would have a P again, and never give it back.
    let Some(m) = M::current().filter(|m| m.curg.get().is_some()) else {
        return Snapshot::take().write(out);
    };
    // A goroutine may have too little stack for it.
    let written = block::away(m, || {
        thread::scope(|scope| {
            let dumper = thread::Builder::new().name("gort-dump".into());
            match dumper.spawn_scoped(scope, || Snapshot::take().write(out)) {
                Ok(dumper) => dumper.join(),
                Err(error) => Ok(Err(error)),
            }
        })
    });
    written.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Descriptor 2, without std's lock: whoever holds that may be what one wants to see.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        sys::write_stderr(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
