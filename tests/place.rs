//! Rule 2's placement: goroutines that stay where they start are spread evenly over two processors. Each test runs in
//! a child, whose Ms no other test loads.

#![allow(clippy::print_stdout, reason = "figures belong to the tests' output")]

mod support;

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as Client};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use gort::Wait;
use gort::net::{TcpListener, TcpStream};
use gort::task::yield_now;
use support::limits::has_descriptors;
use support::proc::comes_true;
use support::{Counter, Event, OnDrop, is_child, run_child, show, watchdog};

const CONNECTIONS: usize = 200;
/// Both ends of each, and some more.
const DESCRIPTORS: usize = 2 * CONNECTIONS + 100;
const APART: Duration = Duration::from_millis(1);
/// What one M may hold of them.
const PERCENT: usize = 60;
const ROUNDS: usize = 20;
const REQUEST: [u8; 16] = [b'r'; 16];

/// What a child exits with when one M holds too many.
const UNEVEN: i32 = 77;
/// On a loaded machine an M takes none for as long as the kernel keeps its thread from running: pins are even as a rule.
const TRIES: usize = 6;

/// Runs the test `name` in a child with two processors; again if pins were not even.
fn in_a_child(name: &str) {
    let mut runs = (0..TRIES).map(|_| run_child(name, &[("GOMAXPROCS", "2")]));
    let even = runs.find(|left| left.status.code() != Some(UNEVEN));
    show(
        name,
        &even.unwrap_or_else(|| panic!("{name}: one M holds too many each time")),
    );
}

/// Goroutines that live, by the thread on which they do.
#[derive(Clone, Default)]
struct Homes(Arc<Mutex<HashMap<ThreadId, usize>>>);

impl Homes {
    /// To be called on a goroutine: it counts until the guard is dropped.
    fn enter(&self) -> OnDrop<impl FnMut() + use<>> {
        let (homes, home) = (self.clone(), thread::current().id());
        *homes.0.lock().unwrap().entry(home).or_default() += 1;
        OnDrop(move || *homes.0.lock().unwrap().get_mut(&home).unwrap() -= 1)
    }

    fn counts(&self) -> Vec<usize> {
        let mut counts: Vec<_> = self.0.lock().unwrap().values().copied().collect();
        counts.sort_unstable();
        counts
    }

    fn total(&self) -> usize {
        self.counts().into_iter().sum()
    }

    fn assert_even(&self, when: &str, total: usize) {
        let counts = self.counts();
        println!("{when}: {counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), total, "{when}");
        let most = counts.last().copied().unwrap_or_default();
        if most * 100 > total * PERCENT {
            println!("{when}: one M holds {most} of {counts:?}");
            std::process::exit(UNEVEN);
        }
    }
}

/// Answers requests, on one thread throughout.
fn handle(mut stream: TcpStream, homes: &Homes) {
    let _here = homes.enter();
    let home = thread::current().id();
    let mut request = REQUEST;
    while stream.read_exact(&mut request).is_ok() {
        assert_eq!(thread::current().id(), home);
        stream.write_all(&request).unwrap();
    }
    assert_eq!(thread::current().id(), home);
}

/// The accept loop as a goroutine, which has a home of its own, or as a task.
fn serve(homes: &Homes, by_task: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").wait().unwrap();
    let addr = listener.local_addr().unwrap();
    let homes = homes.clone();
    let start = move |stream| {
        let homes = homes.clone();
        drop(gort::go(move || handle(stream, &homes)));
    };
    if by_task {
        drop(gort::spawn(async move {
            loop {
                start(listener.accept().await.unwrap().0);
            }
        }));
    } else {
        drop(gort::go(move || {
            listener.incoming().for_each(|stream| start(stream.unwrap()))
        }));
    }
    addr
}

fn connect(addr: SocketAddr, connections: usize) -> Vec<Client> {
    (0..connections)
        .map(|_| {
            thread::sleep(APART);
            Client::connect(addr).unwrap()
        })
        .collect()
}

/// All connections at once, again and again.
fn load(clients: &mut [Client]) {
    for _ in 0..ROUNDS {
        clients
            .iter_mut()
            .for_each(|client| client.write_all(&REQUEST).unwrap());
        for client in &mut *clients {
            let mut answer = [0; REQUEST.len()];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(answer, REQUEST);
        }
    }
}

fn connections_one_by_one(name: &'static str, by_task: bool) {
    if !is_child(name) {
        return in_a_child(name);
    }
    let _watchdog = watchdog(name);
    if !has_descriptors(DESCRIPTORS) {
        return;
    }
    let homes = Homes::default();
    let addr = serve(&homes, by_task);
    let mut clients = connect(addr, CONNECTIONS);
    load(&mut clients);
    homes.assert_even(name, CONNECTIONS);

    // Half of them go, whichever; as many come.
    clients.drain(..CONNECTIONS / 2);
    assert!(comes_true(Duration::from_secs(20), || homes.total() == CONNECTIONS / 2));
    clients.extend(connect(addr, CONNECTIONS / 2));
    load(&mut clients);
    homes.assert_even("after half of them were replaced", CONNECTIONS);
}

#[test]
fn connections_accepted_by_a_goroutine() {
    connections_one_by_one("connections_accepted_by_a_goroutine", false);
}

#[test]
fn connections_accepted_by_a_task() {
    connections_one_by_one("connections_accepted_by_a_task", true);
}

/// Two goroutines that compute at the same time, each on a thread of its own, for longer than most.
fn compute_everywhere() {
    const LONG: Duration = Duration::from_millis(30);
    let running = Counter::new();
    let both: Vec<_> = (0..2)
        .map(|_| {
            let running = running.clone();
            gort::go(move || {
                running.add();
                while running.get() < 2 {}
                let start = Instant::now();
                while start.elapsed() < LONG {}
                thread::current().id()
            })
        })
        .collect();
    let threads: HashSet<_> = both.into_iter().map(|one| one.wait().unwrap()).collect();
    assert_eq!(threads.len(), 2);
}

/// That a thread computed for long at last does not keep goroutines from it when it has nothing to do any more.
#[test]
fn after_long_computations() {
    let name = "after_long_computations";
    if !is_child(name) {
        return in_a_child(name);
    }
    let _watchdog = watchdog(name);
    compute_everywhere();
    let homes = Homes::default();
    let addr = serve(&homes, false);
    let mut clients = connect(addr, CONNECTIONS);
    load(&mut clients);
    homes.assert_even(name, CONNECTIONS);
}

/// Until `event`, which many wait for.
fn wait_polling(open: &Counter) {
    while open.get() == 0 {
        gort::time::sleep(Duration::from_millis(5)).wait();
    }
}

/// Starts `n` goroutines that stay until `open`, and waits until each has come to its home.
fn settle(n: usize, homes: &Homes, open: &Counter) {
    let all = homes.total() + n;
    for _ in 0..n {
        let (homes, open) = (homes.clone(), open.clone());
        drop(gort::go(move || {
            let _here = homes.enter();
            wait_polling(&open);
        }));
    }
    assert!(
        comes_true(Duration::from_secs(20), || homes.total() == all),
        "{:?}",
        homes.counts()
    );
}

/// All at once, from a goroutine: it has a P, into whose queue they go.
#[test]
fn a_burst_of_one_goroutine() {
    let name = "a_burst_of_one_goroutine";
    if !is_child(name) {
        return in_a_child(name);
    }
    let _watchdog = watchdog(name);
    let (homes, open) = (Homes::default(), Counter::new());
    let (its_homes, its_open) = (homes.clone(), open.clone());
    gort::go(move || {
        for _ in 0..1_000 {
            let (homes, open) = (its_homes.clone(), its_open.clone());
            drop(gort::go(move || {
                let _here = homes.enter();
                wait_polling(&open);
            }));
        }
    })
    .wait()
    .unwrap();
    assert!(comes_true(Duration::from_secs(20), || homes.total() == 1_000));
    homes.assert_even(name, 1_000);
    open.add();
}

/// The very first that this process hears of gort: there is one M, or none.
#[test]
fn from_boot_on() {
    let name = "from_boot_on";
    if !is_child(name) {
        return in_a_child(name);
    }
    let _watchdog = watchdog(name);
    let (homes, open) = (Homes::default(), Counter::new());
    settle(200, &homes, &open);
    homes.assert_even(name, 200);
    open.add();
}

/// Blocks the thread of the goroutine that calls it, not only the goroutine: a wait while a panic unwinds (rule 6).
fn block_thread(blocked: Sender<ThreadId>, until: Event) {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _blocks = OnDrop(|| {
            blocked.send(thread::current().id()).unwrap();
            until.clone().wait();
        });
        std::panic::resume_unwind(Box::new("to be caught"));
    }));
    assert!(caught.is_err());
}

/// While the thread of one home M is blocked, the other starts everything; afterwards the first one catches up.
#[test]
fn one_home_is_blocked() {
    let name = "one_home_is_blocked";
    if !is_child(name) {
        return in_a_child(name);
    }
    let _watchdog = watchdog(name);
    let (homes, open) = (Homes::default(), Counter::new());
    settle(200, &homes, &open);
    homes.assert_even("before", 200);

    let until = Event::new();
    let (sender, receiver) = channel();
    let theirs = until.clone();
    let blocker = gort::go(move || block_thread(sender, theirs));
    let blocked = receiver.recv().unwrap();
    let of_blocked = homes.0.lock().unwrap().get(&blocked).copied().unwrap_or_default();
    settle(100, &homes, &open);
    println!("while {of_blocked} wait for a blocked M: {:?}", homes.counts());
    let still = homes.0.lock().unwrap().get(&blocked).copied().unwrap_or_default();
    assert_eq!(still, of_blocked, "a goroutine was started on a blocked thread");
    // And they run, besides.
    gort::go(|| (0..1000).for_each(|_| yield_now().wait()))
        .wait()
        .unwrap();

    until.set();
    blocker.wait().unwrap();
    settle(200, &homes, &open);
    homes.assert_even("after it came back", 500);
    open.add();
}
