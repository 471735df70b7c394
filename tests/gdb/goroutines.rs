//! The program that `ci/gdb-goroutines.sh` looks at with gdb: one goroutine or task for each way to wait, and main running.
//! Run as a test, it does nothing.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gort::Wait;
use gort::net::TcpListener;
use gort::time::sleep;

const FOR_EVER: Duration = Duration::from_secs(3600);

#[inline(never)]
fn innermost() -> u32 {
    sleep(FOR_EVER).wait();
    std::hint::black_box(1)
}

#[inline(never)]
fn outer() -> u32 {
    innermost() + std::hint::black_box(1)
}

#[inline(never)]
fn innermost_of_a_task() -> u32 {
    let endless = gort::go(|| sleep(FOR_EVER).wait());
    endless.wait().unwrap();
    std::hint::black_box(1)
}

/// Until this process is killed.
#[inline(never)]
fn innermost_of_main() {
    static STOP: AtomicBool = AtomicBool::new(false);
    while !STOP.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

/// Waits until the goroutine or task of this name is shown in this state.
fn comes_to(name: &str, state: &str) {
    loop {
        let mut dump = Vec::new();
        gort::runtime::dump_to(&mut dump).unwrap();
        let dump = String::from_utf8(dump).unwrap();
        let end = format!("] {name:?}:");
        let here = format!("[{state}");
        if dump
            .lines()
            .any(|line| line.ends_with(&end) && line.contains(&here))
        {
            return;
        }
        sleep(Duration::from_millis(1)).wait();
    }
}

#[gort::main]
fn main() {
    if std::env::var_os("GORT_TEST_GDB").is_none() {
        return;
    }
    drop(gort::Builder::new().name("sleeper").go(outer).unwrap());
    drop(gort::Builder::new().name("acceptor").go(|| {
        let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
        drop(listener.accept().wait());
    }));
    drop(
        gort::Builder::new()
            .name("stands")
            .spawn(async { innermost_of_a_task() }),
    );
    drop(
        gort::Builder::new()
            .name("rests")
            .spawn(async { sleep(FOR_EVER).await }),
    );
    comes_to("sleeper", "sleep");
    comes_to("acceptor", "IO wait: accept");
    comes_to("stands", "join");
    comes_to("rests", "sleep, at base");
    let mut out = std::io::stdout();
    out.write_all(b"ready\n").unwrap();
    out.flush().unwrap();
    innermost_of_main();
}
