//! Rule 8: a user's global allocator is never entered on g0, nor on sysmon's thread.
//!
//! A test file of its own, since the allocator is the whole process's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use gort::Wait;
use gort::net::{TcpListener, TcpStream};
use gort_runtime_core as core;

/// Counts the calls from where none may come.
struct Watched;

static FORBIDDEN: AtomicUsize = AtomicUsize::new(0);
static ALLOWED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static RUNTIME_THREAD: Cell<u8> = const { Cell::new(0) };
}

/// Whether the runtime made this thread: its name says so.
fn is_runtime_thread() -> bool {
    RUNTIME_THREAD.with(|known| {
        if known.get() == 0 {
            let mut name = [0u8; 16];
            // SAFETY: PR_GET_NAME writes at most 16 bytes.
            unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
            known.set(if name.starts_with(b"gort-") { 2 } else { 1 });
        }
        known.get() == 2
    })
}

fn count() {
    if is_runtime_thread() && !core::on_g() {
        FORBIDDEN.fetch_add(1, Ordering::Relaxed);
    } else {
        ALLOWED.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: it is System's.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static WATCHED: Watched = Watched;

/// Everything that makes g0 work: timers with foreign wakers and cancelled ones, sockets, joins from everywhere,
/// dead Gs whose last reference goes on g0, bursts that grow the queues, new Ms.
#[test]
fn is_not_entered_on_g0() {
    for round in 0..20u64 {
        let sleeps: Vec<_> = (0..200)
            .map(|i| gort::spawn(gort::time::sleep(Duration::from_micros(i * 20))))
            .collect();
        // Aborted by being dropped with its timer armed; the timer's waker is the last reference.
        drop(gort::spawn(async {
            let _ = gort::time::timeout(Duration::from_micros(300), std::future::pending::<()>()).await;
        }));
        gort::block_on(async {
            // A foreign waker in the timers of a P.
            gort::time::sleep(Duration::from_micros(500)).await;
        });
        core::time::add(core::nanotime() + 100_000, Waker::noop().clone());
        // A task that ends with a timer holding the last reference to it.
        drop(gort::spawn(std::future::poll_fn(|cx| {
            core::time::add(core::nanotime() + 100_000, cx.waker().clone());
            Poll::Ready(())
        })));
        let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
        let address = listener.local_addr().unwrap();
        let server = gort::go(move || {
            let (mut stream, _) = listener.accept().wait().unwrap();
            let mut bytes = [0; 64];
            for _ in 0..100 {
                stream.read_exact(&mut bytes).unwrap();
                stream.write_all(&bytes).unwrap();
            }
        });
        let client = gort::go(move || {
            let mut stream = TcpStream::connect(address).wait().unwrap();
            for _ in 0..100 {
                stream.write_all(&[round as u8; 64]).unwrap();
                stream.read_exact(&mut [0; 64]).unwrap();
            }
        });
        let many: Vec<_> = (0..1000).map(|_| gort::go(gort_yields)).collect();
        for join in many {
            join.wait().unwrap();
        }
        for join in sleeps {
            join.wait().unwrap();
        }
        server.wait().unwrap();
        client.wait().unwrap();
    }
    assert_ne!(ALLOWED.load(Ordering::Relaxed), 0);
    assert_eq!(FORBIDDEN.load(Ordering::Relaxed), 0);
}

fn gort_yields() {
    for _ in 0..3 {
        gort::task::yield_now().wait();
    }
}
