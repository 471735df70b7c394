//! Dumps: each goroutine and task is there, with what it does, why and where it waits and where it was made.

mod support;

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use gort::io::AsyncReadExt;
use gort::net::{TcpListener, TcpStream};
use gort::task::spawn_local;
use gort::time::{sleep, timeout};
use gort::{Builder, JoinHandle, Wait};
use support::dumps::{comes_to, dump, entry, goroutine, state, task};
use support::{Event, Latch, until, watchdog};

const FOR_EVER: Duration = Duration::from_secs(3600);

/// Two ends of a connection. Neither is ever closed.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).wait().unwrap();
    let server = listener.accept().wait().unwrap().0;
    std::mem::forget(client.try_clone().unwrap());
    std::mem::forget(server.try_clone().unwrap());
    (client, server)
}

/// An address that answers no more: its queue of connections is full.
fn full() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: a listening socket; its backlog is changed.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let addr = listener.local_addr().unwrap();
    std::mem::forget(std::net::TcpStream::connect(addr).unwrap());
    std::mem::forget(listener);
    addr
}

/// It keeps its waker: a task that nobody can wake any more is dropped.
fn for_ever() -> Event {
    Event::new()
}

fn a_goroutine_that_waits() -> JoinHandle<()> {
    gort::go(|| for_ever().wait())
}

#[test]
fn reasons_of_goroutines() {
    let _watchdog = watchdog("reasons_of_goroutines");
    goroutine("std read", || _ = Read::read(&mut pair().0, &mut [0]));
    goroutine("std write", || _ = pair().0.write_all(&vec![0; 64 << 20]));
    goroutine("incoming", || {
        let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
        let _ = listener.incoming().next();
    });
    goroutine("read_exact", || {
        _ = AsyncReadExt::read_exact(&mut pair().0, &mut [0; 9]).wait()
    });
    goroutine("accept", || {
        let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
        let _ = listener.accept().wait();
    });
    let addr = full();
    goroutine("connect", move || _ = TcpStream::connect(addr).wait());
    goroutine("sleep", || sleep(FOR_EVER).wait());
    goroutine("join", || _ = a_goroutine_that_waits().wait());
    goroutine("join by Wait", || _ = Wait::wait(a_goroutine_that_waits()));
    goroutine("timeout", || {
        _ = timeout(FOR_EVER, AsyncReadExt::read(&mut pair().0, &mut [0])).wait()
    });
    goroutine("blocking call", || {
        gort::blocking(|| std::thread::sleep(FOR_EVER))
    });
    goroutine("future", || for_ever().wait());
    comes_to("std read", "IO wait: read");
    comes_to("std write", "IO wait: write");
    comes_to("incoming", "IO wait: accept");
    comes_to("read_exact", "IO wait: read");
    comes_to("accept", "IO wait: accept");
    comes_to("connect", "IO wait: connect");
    comes_to("sleep", "sleep");
    comes_to("join", "join");
    comes_to("join by Wait", "join");
    comes_to("timeout", "IO wait: read");
    comes_to("blocking call", "blocking");
    comes_to("future", "waiting");
}

/// It has no name: it is known by its number.
#[test]
fn a_blocking_job() {
    let _watchdog = watchdog("a_blocking_job");
    let (job, latch) = (Event::new(), Latch::new());
    let (begins, end) = (job.clone(), latch.clone());
    let handle = gort::task::spawn_blocking(move || {
        begins.set();
        end.pass();
    });
    job.wait();
    let shown = format!(
        "goroutine {} [blocking]:\n\tcreated at tests/dump.rs:",
        handle.id()
    );
    assert!(dump().contains(&shown), "{shown}");
    latch.open();
    handle.wait().unwrap();
    assert!(!dump().contains(&shown));
}

#[test]
fn reasons_of_tasks() {
    let _watchdog = watchdog("reasons_of_tasks");
    let (mut reader, writer) = (pair().0, pair().0);
    task("task, read", async move {
        _ = AsyncReadExt::read_exact(&mut reader, &mut [0; 9]).await
    });
    task("task, write", async move {
        while writer.try_write(&[0; 1 << 16]).is_ok() || writer.writable().await.is_ok() {}
    });
    task("task, accept", async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _ = listener.accept().await;
    });
    let addr = full();
    task("task, connect", async move { _ = TcpStream::connect(addr).await });
    task("task, sleep", async { sleep(FOR_EVER).await });
    task("task, join", async { _ = a_goroutine_that_waits().await });
    task("task, future", for_ever());
    task("task, mid-stack", async { sleep(FOR_EVER).wait() });
    comes_to("task, read", "IO wait: read, at base");
    comes_to("task, write", "IO wait: write, at base");
    comes_to("task, accept", "IO wait: accept, at base");
    comes_to("task, connect", "IO wait: connect, at base");
    comes_to("task, sleep", "sleep, at base");
    comes_to("task, join", "join, at base");
    comes_to("task, future", "waiting, at base");
    comes_to("task, mid-stack", "sleep");
}

/// This file and a line of it.
fn line(line: u32) -> String {
    format!("{}:{line}:", file!())
}

/// Elsewhere nobody knows how long a wait has lasted.
fn ticks_are_a_clock() -> bool {
    std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains(" nonstop_tsc"))
}

#[test]
fn what_is_said_of_one() {
    let _watchdog = watchdog("what_is_said_of_one");
    const WAITS: u32 = line!() + 2;
    let handle = Builder::new().name("one \"of\" them").go(|| {
        for_ever().wait();
    });
    const CREATED: u32 = WAITS - 1;
    let id = handle.unwrap().id();
    comes_to("one \"of\" them", "waiting");
    if ticks_are_a_clock() {
        // It has waited for long enough that it is shown.
        let lasts =
            || entry(&dump(), "one \"of\" them").is_some_and(|entry| state(entry).starts_with("waiting, "));
        until(lasts);
    }
    let dump = dump();
    let entry = entry(&dump, "one \"of\" them").unwrap();
    let lines: Vec<&str> = entry.trim_end().lines().collect();
    assert!(
        lines[0].starts_with(&format!("goroutine {id} [waiting")),
        "{entry}"
    );
    let waits: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("\twaits at "))
        .collect();
    assert_eq!(waits.len(), 1, "{entry}");
    assert!(waits[0].contains(&line(WAITS)), "{entry}");
    let last = lines.last().unwrap();
    assert!(
        last.starts_with("\tcreated at ") && last.contains(&line(CREATED)),
        "{entry}"
    );

    task("a task", for_ever());
    comes_to("a task", "waiting, at base");
    let dump = support::dumps::dump();
    let entry = support::dumps::entry(&dump, "a task").unwrap();
    assert!(entry.starts_with("task "), "{entry}");
    assert_eq!(entry.trim_end().lines().count(), 2, "{entry}");
    assert!(entry.contains("\tcreated at tests/dump.rs:"), "{entry}");
    // In the order of their numbers, and the runtime's own are not among them.
    let ids: Vec<u64> = dump
        .lines()
        .filter(|line| line.starts_with("goroutine ") || line.starts_with("task "))
        .map(|line| line.split(' ').nth(1).unwrap().parse().unwrap())
        .collect();
    assert!(ids.is_sorted() && !ids.contains(&1), "{ids:?}");
    assert!(!dump.contains("runtime-core/src"), "{dump}");
}

#[test]
fn a_wait_inside_a_poll_keeps_its_reason_to_itself() {
    let _watchdog = watchdog("a_wait_inside_a_poll_keeps_its_reason_to_itself");
    let waits = |name: &'static str| {
        let mut slept = false;
        poll_fn(move |cx| {
            std::mem::forget(cx.waker().clone());
            if !slept {
                sleep(Duration::from_millis(1)).wait();
                slept = true;
                // Polled once more, for good.
                comes_to(name, "running");
            }
            Poll::<()>::Pending
        })
    };
    goroutine("outer wait", move || waits("outer wait").wait());
    task("outer poll", waits("outer poll"));
    comes_to("outer wait", "waiting");
    comes_to("outer poll", "waiting, at base");
}

#[test]
fn running() {
    let _watchdog = watchdog("running");
    let stop = Arc::new(AtomicBool::new(false));
    let mut spinners = Vec::new();
    for i in 0..gort::runtime::max_procs() {
        let stop = stop.clone();
        let body = async move { while !stop.load(SeqCst) {} };
        spinners.push(Builder::new().name(format!("spins {i}")).spawn(body));
    }
    let there = |dump: &str, i| entry(dump, &format!("spins {i}")).map(|e| state(e).to_owned());
    // This thread is foreign: it goes on while all Ms are busy.
    loop {
        let dump = dump();
        if (0..spinners.len()).all(|i| there(&dump, i).as_deref() == Some("running")) {
            break;
        }
    }
    stop.store(true, SeqCst);
    for spinner in spinners {
        spinner.wait().unwrap();
    }
    assert_eq!(there(&dump(), 0), None);
}

/// From a goroutine with the smallest stack, from a task, in a poll, from several threads at once.
#[test]
fn anyone_may_dump() {
    const THREADS: usize = 4;
    let _watchdog = watchdog("anyone_may_dump");
    goroutine("stays", || for_ever().wait());
    comes_to("stays", "waiting");
    let small = Builder::new().stack_size(1).go(dump).unwrap();
    assert!(small.wait().unwrap().contains("[running]"));
    let in_task = Builder::new().name("dumps").spawn(async { dump() });
    assert!(entry(&in_task.wait().unwrap(), "dumps").is_some());
    let together = Arc::new(Barrier::new(2 * THREADS));
    let both = [(); THREADS].map(|()| {
        let (here, there) = (together.clone(), together.clone());
        let thread = thread::spawn(move || {
            here.wait();
            dump()
        });
        let goroutine = gort::go(move || {
            gort::blocking(|| there.wait());
            dump()
        });
        (thread, goroutine)
    });
    for (thread, goroutine) in both {
        assert!(entry(&thread.join().unwrap(), "stays").is_some());
        assert!(entry(&goroutine.wait().unwrap(), "stays").is_some());
    }
    // An error of the writer's ends it.
    let mut full = [0_u8; 10];
    assert!(gort::runtime::dump_to(&mut &mut full[..]).is_err());
}

struct PanicsOnWrite;

impl Write for PanicsOnWrite {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        std::panic::resume_unwind(Box::new(7));
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// It is the caller's panic, whose thread is as good as before: what waits there lets others run.
#[test]
fn a_writer_that_panics() {
    let _watchdog = watchdog("a_writer_that_panics");
    let body = || {
        let dumped = catch_unwind(AssertUnwindSafe(|| gort::runtime::dump_to(&mut PanicsOnWrite)));
        assert_eq!(*dumped.unwrap_err().downcast::<i32>().unwrap(), 7);
    };
    gort::go(move || {
        body();
        assert_eq!(spawn_local(async { 8 }).wait().unwrap(), 8);
    })
    .wait()
    .unwrap();
    body();
}
