//! gort is Go's runtime for Rust futures: one scheduler for `async` tasks and for goroutines, on which any code, sync
//! or async, may wait for any future.
//!
//! A **task** is a future that the runtime polls: while it waits it costs its future and a header of at most 128
//! bytes. A **goroutine** is a closure on a stack of its own: plain blocking code, of which a hundred thousand may
//! wait at once. Where either waits, it parks, and its thread goes on with others.
//!
//! ```no_run
//! use gort::net::TcpListener;
//!
//! #[gort::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:7000").await?;
//!     loop {
//!         let (mut stream, _) = listener.accept().await?;
//!         gort::go(move || {
//!             // Blocking code: std's `copy`, over std's `Read` and `Write`.
//!             let mut copy = stream.try_clone()?;
//!             std::io::copy(&mut stream, &mut copy)
//!         });
//!     }
//! }
//! ```
//!
//! # No colours
//!
//! What `.await` is in `async` code, [`.wait()`](Wait::wait) is in any other: on a goroutine, in a callback of a
//! library that has never heard of futures, in `Drop`, inside another future's `poll`, on a thread that gort did not
//! make.
//!
//! ```
//! use std::time::Duration;
//! use gort::{Wait, time::sleep};
//!
//! async fn price(of: &str) -> usize {
//!     sleep(Duration::from_millis(1)).await;
//!     of.len()
//! }
//!
//! // std's sort takes a plain closure, which waits for an async function.
//! let mut fruit = vec!["quince", "fig", "lemon"];
//! fruit.sort_by_cached_key(|name| price(name).wait());
//! assert_eq!(fruit, ["fig", "lemon", "quince"]);
//! ```
//!
//! # Two faces
//!
//! Everything that waits has two faces. Every function that waits gives a future, to be awaited or waited for; and a
//! [`TcpStream`](net::TcpStream) implements std's `Read` and `Write`, which park, beside futures-io's `AsyncRead` and
//! `AsyncWrite`. [`net::tcp`] says how the two meet in one type.
//!
//! ```
//! use gort::net::{TcpListener, TcpStream};
//!
//! #[gort::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let addr = listener.local_addr()?;
//!
//!     // One end is a goroutine with std's traits,
//!     let client = gort::go(move || {
//!         use std::io::Read;
//!         let mut text = String::new();
//!         let mut stream = gort::block_on(TcpStream::connect(addr))?;
//!         stream.read_to_string(&mut text)?;
//!         std::io::Result::Ok(text)
//!     });
//!
//!     // the other an async function with the extension traits of `gort::io`.
//!     use gort::io::AsyncWriteExt;
//!     let (mut stream, _) = listener.accept().await?;
//!     stream.write_all(b"both of them").await?;
//!     drop(stream);
//!
//!     assert_eq!(client.await??, "both of them");
//!     Ok(())
//! }
//! ```
//!
//! # Starting
//!
//! [`#[gort::main]`](macro@main) boots the runtime on the process's first thread, before any code of the program, and
//! makes `main` a goroutine there. When it returns the process ends, and nobody is waited for. Without it the first
//! call of [`block_on`], [`spawn`](spawn()) or [`go`] boots the runtime on threads of its own. Tests are written with
//! [`#[gort::test]`](macro@test). There is one runtime in a process.
//!
//! | environment | means |
//! |---|---|
//! | `GOMAXPROCS` | how many tasks and goroutines run at the same time; one for each processor unless it is set, and as many as there are of these later |
//! | `GORT_STACK` | the size of a goroutine's stack in bytes, 262144 unless it is set |
//! | `GORTDEBUG=boot=1` | prints each step of the boot, with the microseconds since the first |
//! | `GORTDEBUG=schedtrace=1000` | prints what the scheduler does, every so many milliseconds, in Go's words |
//! | `GORTDEBUG=schedtrace=1000,scheddetail=1` | and with it each P, M and G |
//! | `GORTDEBUG=updatemaxprocs=0` | keeps `GOMAXPROCS` as it is when the process's CPU affinity or CPU limit changes |
//! | `GORTDEBUG=stuck=0` | does without the report of a thread that keeps its goroutines waiting for over a second |
//!
//! # Caveats
//!
//! - **A goroutine that has started never changes thread, and shares it with others.** That is what keeps
//!   thread-locals, `Rc`s and guards on its stack sound. Its price: code that blocks the *thread*, by a long computation
//!   or by a system call of its own, delays the goroutines that live there. (Nobody else: all others go on, on other
//!   threads.) And a goroutine that waits in a *std* primitive (`Mutex`, `Condvar`, `mpsc`, `Once`, `LazyLock`) for
//!   another goroutine of the same thread **waits for ever**. Never hold a std guard over a wait; wait for others with
//!   what parks: a [`JoinHandle`], a socket, any future; and wrap what must block in [`blocking`], which runs it on a
//!   thread that is there for such. A thread that keeps its goroutines waiting for over a second is reported on stderr,
//!   once, with what it runs and what waits. The same goes for a task while its `poll` waits, and for
//!   [`spawn_local`](task::spawn_local) tasks.
//! - A wait inside a `thread_local!` initialiser or a scoped thread-local is a hole in soundness that all coroutines
//!   of one thread share. `examples/known_hole.rs` shows it. Do not wait there.
//! - A [`wait`](Wait::wait) inside a task's `poll` stops that task: other branches of its `join!` or `select!` do not
//!   run meanwhile, and to wait for one of them is a deadlock.
//! - While a panic unwinds, a wait blocks the thread.
//! - A goroutine's stack does not grow. One that overflows ends the process, with a message that says which goroutine
//!   it was and how to give it more: [`Builder::stack_size`].
//! - The child of a `fork` cannot use gort until it has called `exec`.
//! - Linux on x86-64 only.

// See runtime-core.
#![cfg(not(loom))]

pub use gort_executor::{Builder, JoinError, JoinHandle, Wait, block_on, blocking, go, spawn, task, time};
pub use gort_macros::{main, test};
pub use gort_netpoll::{io, net};

/// The runtime itself: what it is doing, and what it may use.
///
/// [`dump`](runtime::dump) shows every task and goroutine; so do SIGQUIT (`Ctrl-\`) in a program with `#[gort::main]`,
/// which then exits with status 2 as Go's do, and every fatal error. [`metrics`](runtime::metrics) is the same in
/// figures, cheap enough to ask for all the time.
///
/// # Examples
///
/// ```
/// let waits = gort::Builder::new()
///     .name("waits")
///     .go(|| gort::block_on(std::future::pending::<()>()))?;
///
/// gort::runtime::dump(); // to stderr
///
/// let mut text = Vec::new();
/// gort::runtime::dump_to(&mut text)?;
/// assert!(String::from_utf8_lossy(&text).contains("] \"waits\":"));
/// # drop(waits);
/// # std::io::Result::Ok(())
/// ```
pub mod runtime {
    pub use gort_runtime_core::{RuntimeMetrics, metrics, set_default_max_procs};
    pub use gort_runtime_core::{dump, dump_to, max_procs, num_goroutines, set_max_procs, set_max_threads};
}

#[doc(hidden)]
pub use gort_executor::private as __private;
