//! The main goroutine: on the process's first thread from its first wait to its last, and the process ends with it.

mod support;

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, exit};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::task::{Poll, Waker};
use std::time::Duration;

use gort::Wait;
use gort::task::yield_now;
use gort::time::sleep;
use support::programs::{self, Left, Named, named, program};
use support::{Event, OnDrop, Random};

const PROGRAMS: &[Named<ExitCode>] = named![
    stays,
    stays_blocking,
    returns_ok,
    returns_err,
    returns_code,
    panics,
    panics_after_a_wait,
    leaves_others_waiting,
    leaves_others_spinning,
    leaves_others_blocking,
    exits_in_a_goroutine,
    exits_in_a_task,
    exits_in_main,
    leaves_wakers_behind,
    resizes_when_it_has_returned,
    dumps_when_it_has_returned,
    killed,
];

const TESTS: &[Named<()>] = named![
    it_stays_on_the_first_thread,
    its_result_is_the_exit_status,
    others_are_not_waited_for,
    exit_ends_the_process_from_anywhere,
    its_wakers_may_outlive_it,
    the_world_stops_when_it_has_returned,
    dumps_go_on_when_it_has_returned,
    signals_still_kill,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

const WAITS: usize = 10_000;

thread_local! {
    static LOCAL: Cell<u32> = const { Cell::new(0) };
}

fn tid() -> i32 {
    // SAFETY: no arguments; it always succeeds.
    unsafe { libc::gettid() }
}

fn pid() -> i32 {
    // SAFETY: as above.
    unsafe { libc::getpid() }
}

#[inline(never)]
fn local_address() -> usize {
    LOCAL.with(|local| std::ptr::from_ref(std::hint::black_box(local)).addr())
}

/// Where tasks were seen: on the first thread, on others.
#[derive(Default)]
struct Seen {
    first: AtomicBool,
    others: AtomicBool,
}

static SEEN: Seen = Seen {
    first: AtomicBool::new(false),
    others: AtomicBool::new(false),
};

impl Seen {
    fn note(&self) {
        let place = if tid() == pid() { &self.first } else { &self.others };
        place.store(true, SeqCst);
    }
}

async fn a_task() {
    SEEN.note();
    yield_now().await;
    SEEN.note();
}

/// Waits once, in one of the ways there are.
async fn wait_somehow(random: &mut Random) {
    match random.below(8) {
        0 => sleep(Duration::from_micros(random.below(50) as u64)).await,
        1 => sleep(Duration::from_micros(random.below(50) as u64)).wait(),
        2 => gort::spawn(a_task()).await.unwrap(),
        3 => gort::spawn(a_task()).wait().unwrap(),
        4 => gort::go(|| yield_now().wait()).await.unwrap(),
        5 => gort::task::spawn_local(async { assert_eq!(tid(), pid()) })
            .await
            .unwrap(),
        6 => yield_now().await,
        _ => yield_now().wait(),
    }
}

#[gort::main(processors = 4)]
async fn stays() {
    assert_eq!(tid(), pid());
    let address = local_address();
    LOCAL.set(1);
    let mut random = Random::new(7);
    for _ in 0..WAITS {
        wait_somehow(&mut random).await;
        assert_eq!((tid(), local_address(), LOCAL.get()), (pid(), address, 1));
    }
    // A task is here or there: all day, if need be.
    while !SEEN.first.load(SeqCst) || !SEEN.others.load(SeqCst) {
        wait_somehow(&mut random).await;
    }
}

#[gort::main(processors = 2)]
fn stays_blocking() {
    let mut random = Random::new(11);
    for _ in 0..WAITS {
        gort::block_on(wait_somehow(&mut random));
        assert_eq!(tid(), pid());
    }
}

fn it_stays_on_the_first_thread() {
    program("stays", &[]).assert_quiet(0);
    program("stays_blocking", &[]).assert_quiet(0);
}

#[gort::main]
async fn returns_ok() -> io::Result<()> {
    sleep(Duration::from_millis(1)).await;
    Ok(())
}

struct Sorry;

impl fmt::Debug for Sorry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Reported on the goroutine, which may wait.
        sleep(Duration::from_millis(1)).wait();
        f.write_str("sorry")
    }
}

#[gort::main]
async fn returns_err() -> Result<(), Sorry> {
    yield_now().await;
    Err(Sorry)
}

#[gort::main]
fn returns_code() -> ExitCode {
    sleep(Duration::from_millis(1)).wait();
    ExitCode::from(77)
}

#[gort::main]
async fn panics() {
    panic!("at once")
}

#[gort::main]
fn panics_after_a_wait() -> ExitCode {
    let _waits = OnDrop(|| sleep(Duration::from_millis(1)).wait());
    sleep(Duration::from_millis(1)).wait();
    panic!("after a wait")
}

fn its_result_is_the_exit_status() {
    program("returns_ok", &[]).assert_quiet(0);
    program("returns_code", &[]).assert_quiet(77);
    let left = program("returns_err", &[]);
    assert_eq!((left.status.code(), &*left.err), (Some(1), "Error: sorry\n"));
    for (name, message) in [("panics", "at once"), ("panics_after_a_wait", "after a wait")] {
        let left = program(name, &[]);
        assert_eq!(left.status.code(), Some(101), "{left:?}");
        assert!(left.err.contains(message), "{left:?}");
        assert_eq!(left.err.matches("panicked at").count(), 1, "{left:?}");
    }
}

/// Says so when it is dropped.
fn noisy(name: &'static str) -> OnDrop<impl FnMut()> {
    OnDrop(move || print(&format!("{name} was dropped\n")))
}

fn print(text: &str) {
    use std::io::Write;
    std::io::stdout().write_all(text.as_bytes()).unwrap();
}

/// One of each kind that waits for ever, and one that has not begun.
#[gort::main(processors = 2)]
async fn leaves_others_waiting() {
    let begun = Event::new();
    let count = AtomicU32::new(0);
    let count: &'static AtomicU32 = Box::leak(Box::new(count));
    let begin = {
        let begun = begun.clone();
        move || {
            if count.fetch_add(1, SeqCst) == 2 {
                begun.set();
            }
        }
    };
    let (first, second, third) = (begin.clone(), begin.clone(), begin);
    gort::spawn(async move {
        let _noisy = noisy("task");
        first();
        sleep(Duration::from_secs(3600)).await;
    });
    gort::go(move || {
        let _noisy = noisy("goroutine");
        second();
        std::future::pending::<()>().wait();
    });
    gort::task::spawn_local(async move {
        let _noisy = noisy("local task");
        third();
        sleep(Duration::from_secs(3600)).wait();
    });
    begun.await;
    let unstarted = noisy("unstarted goroutine");
    gort::task::spawn_local(async move { drop(unstarted) });
    let _mine = noisy("main's own");
    print("main returns\n");
}

static SPINNERS: AtomicU32 = AtomicU32::new(0);

/// The other Ms never look up.
#[gort::main(processors = 3)]
async fn leaves_others_spinning() -> ExitCode {
    for i in 0..2 {
        let spin = move || {
            let _noisy = noisy("spinner");
            SPINNERS.fetch_add(1, SeqCst);
            loop {
                std::hint::spin_loop();
            }
        };
        if i == 0 {
            gort::spawn(async move { spin() });
        } else {
            gort::go(spin);
        }
    }
    // A spinner on this thread would keep it.
    while SPINNERS.load(SeqCst) < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    ExitCode::from(5)
}

fn others_are_not_waited_for() {
    let left = program("leaves_others_waiting", &[]);
    left.assert_quiet(0);
    assert_eq!(left.out, "main returns\nmain's own was dropped\n");
    let left = program("leaves_others_spinning", &[]);
    left.assert_quiet(5);
    assert_eq!(left.out, "");
    let left = program("leaves_others_blocking", &[]);
    left.assert_quiet(6);
    assert_eq!(left.out, "");
}

/// Jobs, more than there may be threads for, and a call.
#[gort::main]
async fn leaves_others_blocking() -> ExitCode {
    const JOBS: usize = 600;
    let begun = Event::new();
    let count: &'static AtomicU32 = Box::leak(Box::default());
    for _ in 0..JOBS {
        let begun = begun.clone();
        drop(gort::task::spawn_blocking(move || {
            if count.fetch_add(1, SeqCst) == 100 {
                begun.set();
            }
            let _noisy = noisy("job");
            loop {
                std::thread::park();
            }
        }));
    }
    gort::go(|| gort::blocking(std::thread::park));
    begun.await;
    ExitCode::from(6)
}

#[gort::main]
async fn exits_in_a_goroutine() {
    let _noisy = noisy("main's");
    gort::go(|| {
        let _noisy = noisy("goroutine's");
        print("bye\n");
        exit(9)
    })
    .await
    .unwrap()
}

#[gort::main]
async fn exits_in_a_task() {
    gort::spawn(async {
        sleep(Duration::from_millis(1)).await;
        print("bye\n");
        exit(9)
    })
    .await
    .unwrap()
}

#[gort::main]
async fn exits_in_main() {
    let _noisy = noisy("main's");
    sleep(Duration::from_millis(1)).await;
    print("bye\n");
    exit(9)
}

fn exit_ends_the_process_from_anywhere() {
    for name in ["exits_in_a_goroutine", "exits_in_a_task", "exits_in_main"] {
        let left = program(name, &[]);
        left.assert_quiet(9);
        assert_eq!(left.out, "bye\n");
    }
}

static MAINS: Mutex<Option<Waker>> = Mutex::new(None);

/// The main goroutine has ended, its header has not: others wake it until the process is gone.
#[gort::main(processors = 2)]
async fn leaves_wakers_behind() -> ExitCode {
    std::future::poll_fn(|cx| {
        *MAINS.lock().unwrap() = Some(cx.waker().clone());
        Poll::Ready(())
    })
    .await;
    gort::spawn(async {
        SPINNERS.fetch_add(1, SeqCst);
        loop {
            let waker = MAINS.lock().unwrap().clone().unwrap();
            waker.wake_by_ref();
            waker.wake();
        }
    });
    while SPINNERS.load(SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    ExitCode::from(6)
}

fn its_wakers_may_outlive_it() {
    for _ in 0..5 {
        program("leaves_wakers_behind", &[]).assert_quiet(6);
    }
}

/// Its destructor runs while the process exits.
struct Resizes;

impl Drop for Resizes {
    fn drop(&mut self) {
        use std::io::Write;
        let _ = gort::runtime::set_max_procs(3);
        let _ = writeln!(std::io::stdout(), "{}", gort::runtime::max_procs());
    }
}

thread_local! {
    static RESIZES: Resizes = const { Resizes };
}

#[gort::main(processors = 4)]
async fn resizes_when_it_has_returned() -> ExitCode {
    RESIZES.with(|_| {});
    for _ in 0..4 {
        gort::spawn(async {
            SPINNERS.fetch_add(1, SeqCst);
            loop {
                yield_now().await;
            }
        });
    }
    while SPINNERS.load(SeqCst) < 4 {
        yield_now().await;
    }
    ExitCode::from(7)
}

/// The other Ms keep no P for ever: who stops the world then has them all.
fn the_world_stops_when_it_has_returned() {
    for _ in 0..5 {
        let left = program("resizes_when_it_has_returned", &[]);
        left.assert_quiet(7);
        assert_eq!(left.out, "3\n");
    }
}

#[gort::main]
async fn leaves_one_behind() {
    let begun = Event::new();
    let theirs = begun.clone();
    drop(gort::Builder::new().name("left").go(move || {
        theirs.set();
        std::future::pending::<()>().wait();
    }));
    begun.await;
}

/// On the first thread and on another: none of them keeps what the next one needs.
fn dumps_when_it_has_returned() -> ExitCode {
    fn dump() {
        let mut text = Vec::new();
        gort::runtime::dump_to(&mut text).unwrap();
        assert!(String::from_utf8_lossy(&text).contains("\"left\":"));
    }
    leaves_one_behind();
    for _ in 0..3 {
        dump();
        std::thread::spawn(dump).join().unwrap();
    }
    ExitCode::from(8)
}

fn dumps_go_on_when_it_has_returned() {
    program("dumps_when_it_has_returned", &[]).assert_quiet(8);
}

#[gort::main]
async fn killed() {
    // SAFETY: a signal to this process.
    unsafe { libc::kill(pid(), libc::SIGTERM) };
    std::future::pending().await
}

fn signals_still_kill() {
    let left: Left = program("killed", &[]);
    assert_eq!(left.status.signal(), Some(libc::SIGTERM), "{left:?}");
}
