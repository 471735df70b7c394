//! A wave of tasks that compute, all spawned at once: it makes a few threads, not one a task, and neither timers nor the
//! network wait behind it. `benches/examples/pressure`, `jobs`, has it in full size, with its figures. And what has computed
//! once, but blocks now, is no part of a wave.

mod support;

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gort::io::{AsyncReadExt, AsyncWriteExt};
use gort::net::TcpListener;
use gort::runtime;
use gort::time::sleep;
use support::{Event, Latch, is_child, run_child_and_show, watchdog};

/// With a slice that does not grow each is overtaken by the next, and has a thread: more than [`MAX_THREADS`].
const JOBS: usize = 60;
/// Of CPU time, each: longer than the first slices.
const JOB: Duration = Duration::from_millis(200);
/// Of the whole process.
const MAX_THREADS: usize = 40;

const TICK: Duration = Duration::from_millis(10);
/// What would wait behind all jobs is late by as long as these take. On an idle machine a hundredth of this bound is usual.
const MAX_LATE_OF_ALL: u32 = 4;

/// The CPU time of this thread, which runs one job: it is a task's, and does not wait.
fn cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes a timespec to where it points.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn burn(duration: Duration) {
    let end = cpu() + duration;
    while cpu() < end {
        black_box((0..10_000_u64).fold(0, |sum, i| sum ^ black_box(i)));
    }
}

/// How late a timer comes at worst, and how often it was looked at.
async fn worst_timer(done: Arc<AtomicBool>) -> (Duration, usize) {
    let (mut worst, mut times) = (Duration::ZERO, 0);
    while !done.load(Relaxed) {
        let due = Instant::now() + TICK;
        sleep(TICK).await;
        worst = worst.max(due.elapsed());
        times += 1;
    }
    (worst, times)
}

/// The same of an answer from a socket, asked for on a thread that has nothing to do with the runtime.
fn worst_answer(mut stream: TcpStream, done: &AtomicBool) -> (Duration, usize) {
    let (mut worst, mut times) = (Duration::ZERO, 0);
    while !done.load(Relaxed) {
        let asked = Instant::now();
        let mut byte = [7];
        stream.write_all(&byte).unwrap();
        stream.read_exact(&mut byte).unwrap();
        worst = worst.max(asked.elapsed());
        times += 1;
        thread::sleep(TICK);
    }
    (worst, times)
}

#[test]
fn a_wave_of_jobs() {
    const NAME: &str = "a_wave_of_jobs";
    let _watchdog = watchdog(NAME);
    if !is_child(NAME) {
        return run_child_and_show(NAME, &[("GOMAXPROCS", "2")]);
    }
    let listener = gort::block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let server = gort::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut byte = [0];
        while AsyncReadExt::read_exact(&mut stream, &mut byte).await.is_ok() {
            AsyncWriteExt::write_all(&mut stream, &byte).await.unwrap();
        }
    });
    let done = Arc::new(AtomicBool::new(false));
    let stream = TcpStream::connect(address).unwrap();
    let client = thread::spawn({
        let done = done.clone();
        move || worst_answer(stream, &done)
    });
    let timer = gort::spawn(worst_timer(done.clone()));

    let began = Instant::now();
    let jobs: Vec<_> = (0..JOBS).map(|_| gort::spawn(async { burn(JOB) })).collect();
    for job in jobs {
        job.wait().unwrap();
    }
    let took = began.elapsed();
    // The runtime's threads do not end: so many are all that there ever were.
    let threads = support::proc::threads("").len();
    done.store(true, Relaxed);
    let (late, ticks) = timer.wait().unwrap();
    let (slow, answers) = client.join().unwrap();
    server.wait().unwrap();

    println!(
        "{JOBS} jobs of {JOB:?} took {took:.1?}; {threads} threads, {} of them the runtime's; a timer was late by \
         {late:.1?} at most of {ticks} times, an answer took {slow:.1?} at most of {answers}",
        runtime::metrics().num_threads()
    );
    assert!(threads <= MAX_THREADS, "{threads} threads");
    assert!(late <= took / MAX_LATE_OF_ALL, "a timer was late by {late:?}");
    assert!(slow <= took / MAX_LATE_OF_ALL, "an answer took {slow:?}");
}

/// One after the other, so many compute until they are overtaken, and then block: enough for the longest slice if each
/// counted as one that computes.
const BLOCKED: usize = 9;
/// Four times the first slice doubled, and a fifth of the longest.
const MAX_SLICE: Duration = Duration::from_millis(200);

#[test]
fn those_that_block_by_now_make_no_slice_longer() {
    const NAME: &str = "those_that_block_by_now_make_no_slice_longer";
    let _watchdog = watchdog(NAME);
    if !is_child(NAME) {
        return run_child_and_show(NAME, &[("GOMAXPROCS", "1")]);
    }
    let latch = Latch::new();
    let (mut tasks, mut slices) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKED {
        let (begun, used) = (Event::new(), Arc::new(AtomicU64::new(0)));
        let blocks = Arc::new(AtomicBool::new(false));
        let theirs = (latch.clone(), begun.clone(), used.clone(), blocks.clone());
        tasks.push(gort::spawn(async move {
            let (latch, begun, used, blocks) = theirs;
            begun.set();
            let start = cpu();
            while !blocks.load(Relaxed) {
                used.store((cpu() - start).as_millis() as u64, Relaxed);
            }
            latch.pass();
        }));
        gort::block_on(begun);
        // It runs once the other is overtaken.
        gort::spawn(async {}).wait().unwrap();
        slices.push(Duration::from_millis(used.load(Relaxed)));
        blocks.store(true, Relaxed);
        // As long as it takes to see that it blocks.
        thread::sleep(Duration::from_millis(50));
    }
    println!("overtaken after {slices:?} of CPU time");
    latch.open();
    for task in tasks {
        task.wait().unwrap();
    }
    assert!(slices[BLOCKED - 1] <= MAX_SLICE, "{slices:?}");
}
