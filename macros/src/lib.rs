//! `#[gort::main]` and `#[gort::test]`.
//!
//! Users reach both through the `gort` crate, which re-exports them. What they expand to calls
//! `::gort::__private` and nothing else, so that an expansion stays a few lines: everything that the runtime
//! does at entry is ordinary code in `gort`. This crate must never depend on the runtime.

mod args;
mod entry;

use proc_macro::TokenStream;

use crate::entry::Entry;

/// Makes `main` boot the runtime and run its body as the main goroutine.
///
/// The process's first thread becomes m0, and the body stays on it: a future returned by an `async fn main`
/// need not be `Send`. A `main` without `async` is a goroutine too: it may wait for any future.
///
/// On a function that is not called `main` the attribute makes a plain function that boots the runtime when it
/// is called, which must be on the process's first thread.
///
/// # Arguments
///
/// Both may be left out, and may come in any order.
///
/// - `processors = N`: how many tasks and goroutines run at the same time. Goes before `GOMAXPROCS`; without both, one
///   for each processor that the process may use. At most 1024.
/// - `stack_size = N`: the default size of a goroutine's stack in bytes, rounded up to a power of two from 32 KiB to
///   1 GiB. Goes before `GORT_STACK`. May be written with `+`, `*` and `<<`: `64 * 1024`.
///
/// When the body returns, the process ends with its output as exit status, as an ordinary `main`'s is (a panic gives
/// 101). Other goroutines and tasks are not waited for, and their destructors do not run.
///
/// If it turns out that nothing in the process can ever run again, the process ends with Go's "fatal error: all goroutines
/// are asleep - deadlock!" and exit status 2. That is said only where it is certain: not while a timer is armed, a
/// descriptor waited for, or a thread alive that gort did not make.
///
/// # Examples
///
/// ```
/// #[gort::main(processors = 2, stack_size = 64 * 1024)]
/// async fn main() -> std::io::Result<()> {
///     let listener = gort::net::TcpListener::bind("127.0.0.1:0").await?;
///     let addr = listener.local_addr()?;
///     gort::spawn(gort::net::TcpStream::connect(addr));
///     let (stream, _) = listener.accept().await?;
///     drop(stream);
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Main, args.into(), item.into()).into()
}

/// Makes a test whose body is a goroutine.
///
/// It takes what `#[test]` takes: `#[should_panic]`, `#[ignore]` and a return type such as `Result<(), E>`.
/// The body needs no `async`: without it, it is blocking code that may wait for any future.
///
/// # Arguments
///
/// Those of [`main`](macro@main). A process has one runtime, which the tests of one binary share; a test that
/// asks for its own number of processors or its own stack size therefore runs in a child process.
///
/// # Examples
///
/// Compiled here, and run where there is a test harness.
///
/// ```no_run
/// #[gort::test]
/// async fn answers() {
///     assert_eq!(gort::spawn(async { 42 }).await.unwrap(), 42);
/// }
///
/// #[gort::test(processors = 1)]
/// fn takes_turns() {
///     assert_eq!(gort::go(|| 42).wait().unwrap(), 42);
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Test, args.into(), item.into()).into()
}
