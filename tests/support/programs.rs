//! Whole programs, with `#[gort::main]`, in child processes. A test binary of these has no harness of libtest's, which
//! would call each test on a thread of its own: here `main` itself plays the program that the environment names, or
//! runs the tests one by one.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, ChildStderr, Command, ExitCode, ExitStatus, Output, Stdio};

use super::{no_core, output_in_time};

/// Names the program that a child is to be.
const PROGRAM: &str = "GORT_TEST_PROGRAM";

/// A function by its name: a program returns what its process exits with.
pub(crate) type Named<R> = (&'static str, fn() -> R);

/// Lists functions with their names.
macro_rules! named {
    ($($function:ident),* $(,)?) => { &[$((stringify!($function), $function as fn() -> _)),*] };
}
pub(crate) use named;

/// The `main` of such a binary.
pub(crate) fn main(programs: &[Named<ExitCode>], tests: &[Named<()>]) -> ExitCode {
    let Ok(wanted) = std::env::var(PROGRAM) else {
        return run(tests);
    };
    no_core();
    let program = programs.iter().find(|(name, _)| *name == wanted);
    program.unwrap_or_else(|| panic!("no program {wanted}")).1()
}

/// Runs the tests that the arguments choose, as libtest would.
fn run(tests: &[Named<()>]) -> ExitCode {
    let (flags, filters): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|arg| arg.starts_with('-'));
    let exact = flags.iter().any(|flag| flag == "--exact");
    let chosen = |name: &str| {
        let fits = |filter: &String| {
            if exact {
                name == filter
            } else {
                name.contains(&**filter)
            }
        };
        filters.is_empty() || filters.iter().any(fits)
    };
    let mut out = std::io::stdout().lock();
    if flags.iter().any(|flag| flag == "--list") {
        tests
            .iter()
            .for_each(|(name, _)| _ = writeln!(out, "{name}: test"));
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in tests.iter().filter(|(name, _)| chosen(name)) {
        let ok = catch_unwind(AssertUnwindSafe(test)).is_ok();
        let _ = writeln!(out, "test {name} ... {}", if ok { "ok" } else { "FAILED" });
        *if ok { &mut passed } else { &mut failed } += 1;
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    let _ = writeln!(out, "\ntest result: {result}. {passed} passed; {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What a program left.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a program of this binary with these variables.
pub(crate) fn program(name: &str, env: &[(&str, &str)]) -> Left {
    Left::from(output_in_time(command(name, env)))
}

/// Runs a program whose first thread has so much stack (RLIMIT_STACK).
pub(crate) fn program_with_stack(name: &str, env: &[(&str, &str)], bytes: usize) -> Left {
    let mut command = command(name, env);
    let limit = libc::rlimit {
        rlim_cur: bytes as libc::rlim_t,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: between fork and exec only a system call.
    unsafe {
        command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_STACK, &limit) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    Left::from(output_in_time(command))
}

fn command(name: &str, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    // An arena of malloc's takes 64 MiB of address space, and a backtrace more memory than a program may have left.
    command
        .env(PROGRAM, name)
        .env("MALLOC_ARENA_MAX", "1")
        .env("RUST_BACKTRACE", "0")
        // The sizes that tests expect are those of nobody's wishes.
        .env_remove("GORT_STACK")
        .envs(env.iter().copied());
    command
}

impl From<Output> for Left {
    fn from(output: Output) -> Left {
        Left {
            status: output.status,
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Left {
    /// It exited with this status and said nothing on stderr.
    #[track_caller]
    pub(crate) fn assert_quiet(&self, status: i32) {
        assert_eq!((self.status.code(), &*self.err), (Some(status), ""), "{self:?}");
    }

    /// It succeeded, whatever it said.
    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert!(self.status.success(), "{self:?}");
    }

    /// The lines of stderr that begin so.
    pub(crate) fn lines<'a>(&'a self, prefix: &'a str) -> Vec<&'a str> {
        self.err.lines().filter(|line| line.starts_with(prefix)).collect()
    }

    /// The one line that gort warned with, and there is no other on stderr.
    #[track_caller]
    pub(crate) fn the_warning(&self) -> &str {
        assert!(
            self.err.starts_with("gort: ") && self.err.lines().count() == 1,
            "{self:?}"
        );
        self.err.trim_end()
    }

    /// It died by SIGABRT after one fatal line, which is the last. Returns it.
    #[track_caller]
    pub(crate) fn the_fatal_line(&self) -> &str {
        let lines = self.lines("fatal error: ");
        assert_eq!(self.status.signal(), Some(libc::SIGABRT), "{self:?}");
        assert_eq!(lines.len(), 1, "{self:?}");
        assert_eq!(self.err.lines().last(), Some(lines[0]), "{self:?}");
        lines[0]
    }
}

/// A program that is watched while it runs, and killed afterwards.
pub(crate) struct Running {
    child: Child,
    err: BufReader<ChildStderr>,
}

impl Running {
    /// Starts a program of this binary. Its standard input is a pipe that this holds.
    pub(crate) fn start(name: &str, env: &[(&str, &str)]) -> Running {
        let mut command = command(name, env);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        Running { child, err }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it says on stderr, up to and with the first line that begins so.
    #[track_caller]
    pub(crate) fn says(&mut self, start: &str) -> String {
        let mut text = String::new();
        loop {
            let line = text.len();
            assert_ne!(self.err.read_line(&mut text).unwrap(), 0, "{start:?}: {text}");
            if text[line..].starts_with(start) {
                return text;
            }
        }
    }

    /// Has it go on that waits for a byte.
    pub(crate) fn tell(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// Kills it. What it has said since.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.rest()
    }

    /// How it ends.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// What it still says until it ends.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.err.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
