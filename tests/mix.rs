//! Everything at once, at random: tasks and goroutines that start others, join or forget them, sleep, give up, wait
//! inside of waits, talk over sockets, and are woken by threads that know nothing of gort. At the end the books
//! balance: all that was started has ended, and was dropped once.
//!
//! `GORT_TEST_SEED` repeats what can be repeated, `GORT_TEST_SECONDS` says how long.

#![allow(clippy::print_stdout, reason = "seed and figures belong to the tests' output")]

mod support;

use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::{join, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use gort::Wait;
use gort::net::{TcpListener, TcpStream};
use gort::task::{spawn_local, yield_now};
use gort::time::{sleep, timeout};
use support::proc::{comes_true, descriptors, steady, switches};
use support::{Event, OnDrop, Random, is_child, run_child_and_show, seed, watchdog};

/// How long all the tests of this file take together.
const SECONDS: u64 = 9;
const ROOTS: usize = 32;
const FOREIGN_THREADS: usize = 3;
const DEEPEST: u32 = 5;
/// The ports of more would be used up for a minute.
const CONNECTIONS: usize = 1_000;

/// What the whole process shares.
struct World {
    until: Instant,
    foreign: Vec<Sender<Errand>>,
    /// A server that sends back what it gets.
    echo: std::net::SocketAddr,
    books: Books,
}

/// What was started has ended in the end, and each output that was made was dropped.
#[derive(Default)]
struct Books {
    started: AtomicUsize,
    ended: AtomicUsize,
    outputs_made: AtomicUsize,
    outputs_dropped: AtomicUsize,
    waits: AtomicUsize,
    connections: AtomicUsize,
}

/// For a foreign thread.
enum Errand {
    Set(Event),
    Wake(Waker),
    WakeByRef(Waker),
    CloneAndDrop(Waker),
    SpawnAndSet(Event),
}

static WORLD: OnceLock<World> = OnceLock::new();

fn world() -> &'static World {
    WORLD.get().expect("made before anything starts")
}

fn foreign_thread() -> Sender<Errand> {
    let (sender, errands) = channel();
    thread::spawn(move || {
        for errand in errands {
            match errand {
                Errand::Set(event) => event.set(),
                Errand::Wake(waker) => waker.wake(),
                Errand::WakeByRef(waker) => waker.wake_by_ref(),
                Errand::CloneAndDrop(waker) => (0..10).for_each(|_| drop(waker.clone())),
                Errand::SpawnAndSet(event) => drop(gort::spawn(async move { event.set() })),
            }
        }
    });
    sender
}

fn send(errand: Errand, random: &mut Random) {
    world().foreign[random.below(FOREIGN_THREADS)]
        .send(errand)
        .unwrap();
}

/// Lives as long as a body.
fn body() -> OnDrop<impl FnMut() + Send> {
    world().books.started.fetch_add(1, SeqCst);
    OnDrop(|| _ = world().books.ended.fetch_add(1, SeqCst))
}

/// What a body returns.
struct Output;

impl Output {
    fn new() -> Output {
        world().books.outputs_made.fetch_add(1, SeqCst);
        Output
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        world().books.outputs_dropped.fetch_add(1, SeqCst);
    }
}

fn micros(random: &mut Random, below: usize) -> Duration {
    Duration::from_micros(random.below(below) as u64)
}

fn fork(random: &mut Random) -> Random {
    Random::new(random.below(1 << 40) as u64)
}

/// Hands its wakers to foreign threads, in every way there is, and is ready after so many polls.
struct Restless {
    polls: usize,
    random: Random,
}

impl Future for Restless {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.polls == 0 {
            return Poll::Ready(());
        }
        self.polls -= 1;
        let random = &mut self.random;
        send(Errand::CloneAndDrop(cx.waker().clone()), random);
        let wake = if random.below(2) == 0 {
            Errand::Wake
        } else {
            Errand::WakeByRef
        };
        send(wake(cx.waker().clone()), random);
        Poll::Pending
    }
}

fn task(random: Random, depth: u32) -> impl Future<Output = Output> + Send {
    let here = body();
    async move {
        live(random, depth).await;
        drop(here);
        Output::new()
    }
}

fn goroutine(mut random: Random, depth: u32) -> impl FnOnce() -> Output + Send {
    let here = body();
    move || {
        let home = thread::current().id();
        for _ in 0..=random.below(4) {
            step_blocking(&mut random, depth);
            assert_eq!(thread::current().id(), home);
        }
        drop(here);
        Output::new()
    }
}

fn live(mut random: Random, depth: u32) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        for _ in 0..=random.below(4) {
            step(&mut random, depth).await;
        }
    })
}

fn may_start(depth: u32) -> bool {
    depth < DEEPEST && Instant::now() < world().until
}

/// One thing that a task does.
async fn step(random: &mut Random, depth: u32) {
    world().books.waits.fetch_add(1, SeqCst);
    match random.below(if may_start(depth) { 16 } else { 9 }) {
        0 => yield_now().await,
        1 => sleep(micros(random, 400)).await,
        2 => _ = timeout(micros(random, 200), sleep(micros(random, 400))).await,
        3 => {
            let event = Event::new();
            send(Errand::Set(event.clone()), random);
            event.await;
        }
        4 => {
            let polls = random.below(4);
            let random = fork(random);
            Restless { polls, random }.await;
        }
        5 => {
            // A waits inside b's wait's enclosing poll; neither depends on the other.
            let (a, b) = (Event::new(), Event::new());
            send(Errand::Set(a.clone()), random);
            send(Errand::SpawnAndSet(b.clone()), random);
            join(a, async { b.wait() }).await;
        }
        6 => {
            let (one, other) = (pin!(sleep(micros(random, 300))), pin!(yield_now()));
            let _ = select(one, other).await;
        }
        7 => step_blocking(random, DEEPEST),
        8 => {
            let mut all: FuturesUnordered<_> = (0..random.below(4))
                .map(|_| Restless {
                    polls: 1 + random.below(2),
                    random: fork(random),
                })
                .collect();
            while all.next().await.is_some() {}
        }
        9 | 10 => drop(gort::spawn(task(fork(random), depth + 1)).await.unwrap()),
        11 => drop(gort::spawn(task(fork(random), depth + 1))),
        12 => drop(gort::go(goroutine(fork(random), depth + 1)).await.unwrap()),
        13 => {
            let limit = micros(random, 300);
            // Given up: the task goes on alone.
            drop(timeout(limit, gort::spawn(task(fork(random), depth + 1))).await);
        }
        14 => echo(random).unwrap(),
        _ => {
            let (a, b) = (task(fork(random), depth + 1), task(fork(random), depth + 1));
            drop(join(gort::spawn(a), gort::spawn(b)).await);
        }
    }
}

/// One thing that a goroutine does, or a task's poll.
fn step_blocking(random: &mut Random, depth: u32) {
    world().books.waits.fetch_add(1, SeqCst);
    match random.below(if may_start(depth) { 12 } else { 6 }) {
        0 => yield_now().wait(),
        1 => sleep(micros(random, 400)).wait(),
        2 => {
            let event = Event::new();
            send(Errand::Set(event.clone()), random);
            event.wait();
        }
        3 => {
            // Three levels deep.
            let (a, b) = (micros(random, 100), fork(random));
            gort::block_on(async {
                sleep(a).await;
                gort::block_on(async {
                    Restless { polls: 2, random: b }.wait();
                    yield_now().await;
                });
            });
        }
        4 => _ = timeout(micros(random, 200), sleep(micros(random, 400))).wait(),
        5 => {
            // Nothing that comes from elsewhere gets at it.
            let value = std::rc::Rc::new(std::cell::Cell::new(0));
            let theirs = value.clone();
            let micros = micros(random, 100);
            let local = spawn_local(async move {
                let _here = body();
                sleep(micros).await;
                theirs.set(1);
            });
            if random.below(3) > 0 {
                local.wait().unwrap();
                assert_eq!(value.get(), 1);
            }
        }
        6 => drop(gort::go(goroutine(fork(random), depth + 1)).wait().unwrap()),
        7 => drop(gort::go(goroutine(fork(random), depth + 1))),
        8 => drop(gort::spawn(task(fork(random), depth + 1)).wait().unwrap()),
        9 => echo(random).unwrap(),
        10 => gort::block_on(live(fork(random), depth + 1)),
        _ => {
            let all: Vec<_> = (0..random.below(20))
                .map(|_| gort::go(goroutine(fork(random), DEEPEST)))
                .collect();
            all.into_iter().for_each(|one| drop(one.wait().unwrap()));
        }
    }
}

/// Some messages over a connection of its own.
fn echo(random: &mut Random) -> io::Result<()> {
    if world().books.connections.fetch_add(1, SeqCst) >= CONNECTIONS {
        return Ok(());
    }
    let mut stream = TcpStream::connect(world().echo).wait()?;
    for _ in 0..random.below(4) {
        let sent: Vec<u8> = (0..1 + random.below(3_000))
            .map(|_| random.below(256) as u8)
            .collect();
        let mut back = vec![0; sent.len()];
        stream.write_all(&sent)?;
        if random.below(2) == 0 {
            stream.read_exact(&mut back)?;
        } else {
            gort::io::AsyncReadExt::read_exact(&mut stream, &mut back).wait()?;
        }
        assert!(sent == back);
    }
    Ok(())
}

/// Sends back what comes, for ever.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        // An error is a peer that went.
        drop(gort::go(move || io::copy(&mut { &stream }, &mut { &stream })));
    }
}

fn books_balance(name: &'static str, processors: &str) {
    if !is_child(name) {
        let seed = seed().to_string();
        return run_child_and_show(name, &[("GOMAXPROCS", processors), ("GORT_TEST_SEED", &seed)]);
    }
    let _watchdog = watchdog(name);
    let seconds = std::env::var("GORT_TEST_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let mut random = Random::new(seed());
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let world = World {
        until: Instant::now() + Duration::from_secs(seconds) / 3,
        foreign: (0..FOREIGN_THREADS).map(|_| foreign_thread()).collect(),
        echo: listener.local_addr().unwrap(),
        books: Books::default(),
    };
    assert!(WORLD.set(world).is_ok());
    let world = self::world();
    drop(gort::go(move || serve(&listener)));
    assert!(comes_true(
        Duration::from_secs(10),
        || gort::runtime::num_goroutines() == 1
    ));
    let before = steady(descriptors);

    let roots: Vec<_> = (0..ROOTS)
        .map(|nth| {
            let mut random = fork(&mut random);
            if nth % 2 == 0 {
                gort::spawn(async move {
                    while may_start(0) {
                        step(&mut random, 0).await;
                    }
                })
            } else {
                gort::go(move || {
                    while may_start(0) {
                        step_blocking(&mut random, 0);
                    }
                })
            }
        })
        .collect();
    roots.into_iter().for_each(|root| root.wait().unwrap());

    // What was forgotten ends, too; the server's accept loop alone is left.
    let left = || gort::runtime::num_goroutines();
    assert!(
        comes_true(Duration::from_secs(60), || left() == 1),
        "{} goroutines are left",
        left()
    );
    let books = &world.books;
    let pair = |a: &AtomicUsize, b: &AtomicUsize| (a.load(SeqCst), b.load(SeqCst));
    let threads = switches(std::process::id());
    let ms = threads
        .iter()
        .filter(|thread| thread.name.starts_with("gort-m"))
        .count();
    println!(
        "{name}: {} bodies, {} waits, {ms} Ms",
        books.started.load(SeqCst),
        books.waits.load(SeqCst)
    );
    let (started, ended) = pair(&books.started, &books.ended);
    assert_eq!(started, ended, "bodies");
    let dropped = || pair(&books.outputs_made, &books.outputs_dropped);
    assert!(
        comes_true(Duration::from_secs(10), || dropped().0 == dropped().1),
        "{:?}",
        dropped()
    );
    assert!(
        comes_true(Duration::from_secs(10), || descriptors() == before),
        "{before} {}",
        descriptors()
    );
}

#[test]
fn on_one_processor() {
    books_balance("on_one_processor", "1");
}

#[test]
fn on_two_processors() {
    books_balance("on_two_processors", "2");
}

#[test]
fn on_four_processors() {
    books_balance("on_four_processors", "4");
}
