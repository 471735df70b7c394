//! What the tests share: a watchdog instead of time limits, events to wait for instead of sleeps, counters of
//! drops and polls, foreign wakers, and children to die in.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each test binary uses its own part of it"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test's output")]

pub(crate) mod dumps;
pub(crate) mod gate;
pub(crate) mod limits;
pub(crate) mod proc;
pub(crate) mod programs;

use std::future::Future;
use std::io::{Read, Write};
use std::pin::Pin;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// Far beyond what any test takes on a loaded machine: what lasts longer hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// As [`LIMIT`], for a child that has no watchdog of its own.
const CHILD_LIMIT: Duration = Duration::from_secs(400);

/// The exit status of a process that hung.
pub(crate) const HUNG: i32 = 86;

/// Set in a child process to the name of the test that it is there for.
const CHILD: &str = "GORT_TEST_IN_CHILD";

/// What a test's random numbers depend on.
const SEED: &str = "GORT_TEST_SEED";

/// Ends the process if it is not dropped in time.
pub(crate) struct Watchdog {
    ended: Arc<(Mutex<bool>, Condvar)>,
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        *self.ended.0.lock().unwrap() = true;
        self.ended.1.notify_all();
    }
}

/// Guards the test `name` against a hang: `let _watchdog = watchdog("name");`.
pub(crate) fn watchdog(name: &'static str) -> Watchdog {
    watchdog_within(name, LIMIT)
}

/// Guards a test that takes longer than others.
pub(crate) fn watchdog_within(name: &'static str, limit: Duration) -> Watchdog {
    let ended = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = ended.clone();
    thread::spawn(move || {
        let (lock, condvar) = &*theirs;
        let ended = lock.lock().unwrap();
        let (ended, _) = condvar.wait_timeout_while(ended, limit, |ended| !*ended).unwrap();
        if !*ended {
            let _ = writeln!(std::io::stderr(), "watchdog: the test {name} hangs");
            // SAFETY: ends the process without destructors; nothing is held up by it.
            unsafe { libc::_exit(HUNG) };
        }
    });
    Watchdog { ended }
}

/// Whether this process is the child for the test `name`.
pub(crate) fn is_child(name: &str) -> bool {
    std::env::var_os(CHILD).is_some_and(|child| child == name)
}

/// Runs the test `name` of this binary in a child process, with `env`, and waits for it.
pub(crate) fn run_child(name: &str, env: &[(&str, &str)]) -> Output {
    let output = output_in_time(child(name, env));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_ne!(
        output.status.code(),
        Some(HUNG),
        "{name}: the child hung\n{stderr}"
    );
    output
}

/// The test `name` of this binary, to be run in a child process.
pub(crate) fn child(name: &str, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, name)
        .envs(env.iter().copied());
    command
}

/// As `run_child`, for a body that succeeds: what it prints becomes this test's output.
pub(crate) fn run_child_and_show(name: &str, env: &[(&str, &str)]) {
    show(name, &run_child(name, env));
}

/// What a child for the test `name` has left becomes this test's output: it succeeded.
#[track_caller]
pub(crate) fn show(name: &str, output: &Output) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name}: {}\n{stdout}\n{stderr}",
        output.status
    );
    print!("{stdout}");
    eprint!("{stderr}");
}

/// Where the random numbers of a test begin: elsewhere each time, printed, and as GORT_TEST_SEED says if it does.
pub(crate) fn seed() -> u64 {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse().expect(SEED),
        Err(_) => {
            let now = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap();
            (now.as_nanos() as u64) % 1_000_000_007
        }
    };
    println!("{SEED}={seed}");
    seed
}

/// What `command` leaves. Ends it, and the test with it, if it hangs.
pub(crate) fn output_in_time(mut command: Command) -> Output {
    const STEP: Duration = Duration::from_millis(2);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (out, err) = (read_on(child.stdout.take()), read_on(child.stderr.take()));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if begun.elapsed() > CHILD_LIMIT {
            child.kill().unwrap();
            break None;
        }
        thread::sleep(STEP);
    };
    let (stdout, stderr) = (out.join().unwrap(), err.join().unwrap());
    let Some(status) = status else {
        panic!("{command:?} hangs\n{}", String::from_utf8_lossy(&stderr));
    };
    Output {
        status,
        stdout,
        stderr,
    }
}

/// Reads a pipe to its end, on a thread of its own.
fn read_on(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).unwrap();
        }
        bytes
    })
}

/// A future that is ready once `set` was called, by anyone. Its clones are the same event; one may wait at a time.
#[derive(Clone, Default)]
pub(crate) struct Event(Arc<EventState>);

#[derive(Default)]
struct EventState {
    /// How often it was set, and who waits for it.
    inner: Mutex<(usize, Option<Waker>)>,
    polls: AtomicUsize,
}

impl Event {
    pub(crate) fn new() -> Event {
        Event::default()
    }

    pub(crate) fn set(&self) {
        let waker = {
            let mut inner = self.0.inner.lock().unwrap();
            inner.0 += 1;
            inner.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.inner.lock().unwrap().0 > 0
    }

    /// How often it was polled.
    pub(crate) fn polls(&self) -> usize {
        self.0.polls.load(SeqCst)
    }

    /// The waker of the last poll, out of the event's hands.
    pub(crate) fn take_waker(&self) -> Option<Waker> {
        self.0.inner.lock().unwrap().1.take()
    }
}

impl Future for Event {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.polls.fetch_add(1, SeqCst);
        let (set, old) = {
            let mut inner = self.0.inner.lock().unwrap();
            if inner.0 > 0 {
                (true, None)
            } else {
                (false, inner.1.replace(cx.waker().clone()))
            }
        };
        // Outside of the lock: it may be the last reference to a G.
        drop(old);
        if set { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// What any number of threads block at until it is opened. Its clones are the same latch.
#[derive(Clone, Default)]
pub(crate) struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    pub(crate) fn new() -> Latch {
        Latch::default()
    }

    pub(crate) fn pass(&self) {
        let (is_open, opened) = &*self.0;
        let _open = opened
            .wait_while(is_open.lock().unwrap(), |is_open| !*is_open)
            .unwrap();
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// Waits for `event` and, once it has been polled in vain for the first time, sets `polled`.
pub(crate) fn announced(event: Event, polled: Event) -> impl Future<Output = ()> + Send + Unpin {
    Announced {
        event,
        polled: Some(polled),
    }
}

struct Announced {
    event: Event,
    polled: Option<Event>,
}

impl Future for Announced {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let poll = Pin::new(&mut self.event).poll(cx);
        if let Some(polled) = self.polled.take() {
            polled.set();
        }
        poll
    }
}

/// A number that several threads count up.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<AtomicUsize>);

impl Counter {
    pub(crate) fn new() -> Counter {
        Counter::default()
    }

    pub(crate) fn add(&self) -> usize {
        self.0.fetch_add(1, SeqCst) + 1
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// Calls its closure when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Counts its drop.
pub(crate) fn count_drop(counter: &Counter) -> OnDrop<impl FnMut() + Send + Sync + use<>> {
    let counter = counter.clone();
    OnDrop(move || _ = counter.add())
}

/// A waker of nobody's runtime that counts its wakes.
#[derive(Default)]
pub(crate) struct Foreign {
    pub(crate) wakes: AtomicUsize,
    pub(crate) event: Event,
}

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, SeqCst);
        self.event.set();
    }
}

/// Waits for what happens by itself soon, and tells nobody; the watchdog limits it.
pub(crate) fn until(condition: impl Fn() -> bool) {
    while !condition() {
        gort::block_on(gort::task::yield_now());
        thread::yield_now();
    }
}

/// Random numbers, the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// Needs some 300 bytes of stack a level.
#[inline(never)]
pub(crate) fn recurse(depth: usize) -> usize {
    let frame = [depth; 32];
    std::hint::black_box(&frame);
    if depth == 0 {
        0
    } else {
        recurse(depth - 1) + frame[depth % 32]
    }
}

/// Ends the process if it is not this test's own doing: for a child that must not write a core file.
pub(crate) fn no_core() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a valid pointer to a rlimit.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}
