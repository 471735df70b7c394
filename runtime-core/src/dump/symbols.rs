//! Frames as text: which function, in which file and line. Reads the program's debug information, so on no M, and with the
//! world running.

use std::collections::HashMap;
use std::ffi::c_void;
use std::io::{self, Write};

/// What is known of the addresses that have come up. Most Gs of a program wait in the same few places.
#[derive(Default)]
pub(super) struct Symbols(HashMap<usize, Vec<Symbol>>);

/// A function that an address lies in, be it inlined.
struct Symbol {
    name: String,
    /// `file:line`, if there is debug information.
    at: Option<String>,
}

impl Symbol {
    /// The function's path, without the types that it was made for: they say nothing of whose it is.
    fn path(&self) -> &str {
        match self.name.split_once("::<") {
            Some((path, _)) if !path.starts_with('<') => path,
            _ => &self.name,
        }
    }

    /// How the runtime parks.
    fn is_park(&self) -> bool {
        let path = self.path();
        path.contains("gort_runtime_core::") || path.contains("gort_executor::wait::")
    }

    /// What stands below a body: how the runtime calls it.
    fn is_base(&self) -> bool {
        const BELOW: [&str; 7] = [
            "gort_runtime_core::",
            "gort_executor::",
            "gort_goexit",
            "core::ops::function::",
            "core::panic::unwind_safe::",
            "std::panic",
            "__rust_try",
        ];
        let path = self.path();
        BELOW.iter().any(|part| path.contains(part))
    }
}

impl Symbols {
    /// Writes the frames at these addresses, the innermost first: the name, and its place on a line of its own. Left out
    /// are those of the runtime's own at both ends.
    pub(super) fn write(&mut self, frames: &[usize], out: &mut impl Write) -> io::Result<()> {
        for &at in frames {
            self.0.entry(at).or_insert_with(|| resolve(at));
        }
        let all: Vec<&Symbol> = frames.iter().flat_map(|at| &self.0[at]).collect();
        let start = all.iter().take_while(|symbol| symbol.is_park()).count();
        let rest = &all[start..];
        let end = rest.iter().rev().take_while(|symbol| symbol.is_base()).count();
        for symbol in &rest[..rest.len() - end] {
            writeln!(out, "{}", symbol.name)?;
            if let Some(at) = &symbol.at {
                writeln!(out, "\t{at}")?;
            }
        }
        Ok(())
    }
}

impl Drop for Symbols {
    /// The debug information of a large program is large.
    fn drop(&mut self) {
        backtrace::clear_symbol_cache();
    }
}

fn resolve(at: usize) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    backtrace::resolve(at as *mut c_void, |symbol| {
        // Without the hash that `{:#}` leaves out.
        let name = symbol.name().map(|name| format!("{name:#}"));
        let line = symbol.lineno().map_or(String::new(), |line| format!(":{line}"));
        symbols.push(Symbol {
            name: name.unwrap_or_else(|| format!("{at:#x}")),
            at: symbol.filename().map(|file| format!("{}{line}", file.display())),
        });
    });
    if symbols.is_empty() {
        symbols.push(Symbol {
            name: format!("{at:#x}"),
            at: None,
        });
    }
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_is_made_for_does_not_make_it_the_runtimes() {
        let symbol = |name: &str| Symbol {
            name: name.to_owned(),
            at: None,
        };
        for name in [
            "program::serve",
            "program::serve::<gort_executor::task::join::JoinHandle<()>>",
            "program::wait::<gort_runtime_core::stack::class::Class>",
        ] {
            assert!(!symbol(name).is_base() && !symbol(name).is_park(), "{name}");
        }
        for name in [
            "gort_executor::task::cell::run::<gort_executor::task::cell::Goroutine<program::main::{closure#0}>>",
            "<gort_executor::task::cell::Goroutine<F> as gort_executor::task::cell::Body>::run",
            "<program::main::{closure#0} as core::ops::function::FnOnce<()>>::call_once",
            "std::panicking::catch_unwind::<usize, program::main::{closure#0}>",
        ] {
            assert!(symbol(name).is_base(), "{name}");
        }
        let wait = "<core::future::pending::Pending<()> as gort_executor::wait::Wait>::wait";
        assert!(symbol(wait).is_park());
    }
}
