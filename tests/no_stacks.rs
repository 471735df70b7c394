//! Address space runs out: `Builder::go` says so, a plain `go` waits for a stack, a poll that has no stack to leave
//! behind blocks its thread. Everything still comes to its end, with one line of warning.

#![expect(clippy::print_stdout, reason = "a test's output")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::mem::ManuallyDrop;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use gort::net::TcpStream;
use gort::task::yield_now;
use gort::time::sleep;
use gort::{JoinHandle, Wait};
use support::limits::{free_address_space, keep_memory, leave_address_space};
use support::programs::{self, Left, Named, named, program};
use support::{Counter, Event, count_drop};

const MIB: usize = 1 << 20;

const PROGRAMS: &[Named<ExitCode>] = named![
    builder,
    builder_on_a_goroutine,
    one_by_one,
    nobody_gives_back,
    churn,
    waits_in_polls,
    main_has_less,
    no_boot,
    leaves_room,
];

const TESTS: &[Named<()>] = named![
    the_builder_says_what_to_do,
    a_goroutine_starts_when_a_stack_is_free,
    a_goroutine_starts_when_there_is_address_space_again,
    many_share_few_stacks,
    a_poll_without_a_stack_to_keep_blocks,
    main_takes_what_there_is,
    a_boot_without_space_is_one_line,
    the_program_keeps_its_share,
];

fn main() -> ExitCode {
    programs::main(PROGRAMS, TESTS)
}

/// Goroutines on stacks of 16 MiB until there is no room, and again after they have ended.
fn fill_with_the_builder() {
    for _ in 0..3 {
        let event = Event::new();
        let drops = Counter::new();
        let mut goroutines = Vec::new();
        let error = loop {
            let (event, counted) = (Polled::new(&event), count_drop(&drops));
            let made = gort::Builder::new().stack_size(16 * MIB).go(move || {
                event.wait();
                drop(counted);
            });
            match made {
                Ok(goroutine) => goroutines.push(goroutine),
                Err(error) => break error,
            }
        };
        assert!((5..13).contains(&goroutines.len()), "{}", goroutines.len());
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        let text = error.to_string();
        assert!(
            text.contains("address space for stacks")
                && text.contains("ulimit -v")
                && text.contains("os error 12"),
            "{text}"
        );
        // The closure of the one that was not made.
        assert_eq!(drops.get(), 1);
        event.set();
        let n = goroutines.len();
        goroutines.into_iter().for_each(|one| one.wait().unwrap());
        assert_eq!(drops.get(), n + 1);
    }
}

/// An event that many wait for, by looking.
struct Polled(Event);

impl Polled {
    fn new(event: &Event) -> Polled {
        Polled(event.clone())
    }

    fn wait(&self) {
        while !self.0.is_set() {
            sleep(Duration::from_millis(1)).wait();
        }
    }
}

fn builder() -> ExitCode {
    leave_address_space(200 * MIB);
    fill_with_the_builder();
    ExitCode::SUCCESS
}

#[gort::main]
async fn builder_on_a_goroutine() {
    leave_address_space(200 * MIB);
    gort::go(fill_with_the_builder).await.unwrap();
}

fn the_builder_says_what_to_do() {
    program("builder", &[]).assert_quiet(0);
    program("builder_on_a_goroutine", &[]).assert_quiet(0);
}

/// Goroutines that each end when told; how many have begun, in which order.
struct Gated {
    begun: Counter,
    gates: Vec<Event>,
    goroutines: Vec<JoinHandle<()>>,
}

impl Gated {
    fn go(n: usize) -> Gated {
        let begun = Counter::new();
        let gates: Vec<_> = (0..n).map(|_| Event::new()).collect();
        let goroutines = gates
            .iter()
            .map(|gate| {
                let (gate, begun) = (gate.clone(), begun.clone());
                gort::go(move || {
                    begun.add();
                    gate.wait();
                })
            })
            .collect();
        Gated {
            begun,
            gates,
            goroutines,
        }
    }

    /// Waits until so many have begun.
    fn wait_for(&self, n: usize) {
        while self.begun.get() < n {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until no more begin.
    fn settle(&self) -> usize {
        loop {
            let begun = self.begun.get();
            thread::sleep(Duration::from_millis(60));
            if begun > 0 && begun == self.begun.get() {
                return begun;
            }
        }
    }
}

/// $GORT_STACK and $ROOM say how many fit.
fn limit() {
    let room: usize = std::env::var("ROOM").unwrap().parse().unwrap();
    keep_memory(8 * MIB);
    leave_address_space(room * MIB);
}

/// Each that ends makes room for one more.
fn one_by_one() -> ExitCode {
    const ALL: usize = 40;
    limit();
    let gated = Gated::go(ALL);
    let mut begun = gated.settle();
    assert!((1..ALL).contains(&begun), "{begun}");
    // Goroutines start in the order in which they were made, but may overtake one another while they try again.
    let mut open = 0;
    while begun < ALL {
        let before = begun;
        // Until one that has begun is let go.
        while gated.begun.get() == before && open < ALL {
            gated.gates[open].set();
            open += 1;
            let deadline = Instant::now() + Duration::from_millis(50);
            while gated.begun.get() == before && Instant::now() < deadline {
                thread::sleep(Duration::from_micros(200));
            }
        }
        gated.wait_for(before + 1);
        begun = gated.begun.get();
    }
    gated.gates[open..].iter().for_each(Event::set);
    gated.goroutines.into_iter().for_each(|one| one.wait().unwrap());
    ExitCode::SUCCESS
}

/// One line about stacks; perhaps one that there is no thread either.
fn assert_warned_once(left: &Left) {
    left.assert_success();
    let stacks = left
        .lines("gort: no further stack can be had: reserving address space for stacks (raise `ulimit -v`");
    assert_eq!(stacks.len(), 1, "{left:?}");
    let threads = left.lines("gort: no further thread can be had");
    assert!(threads.len() <= 1, "{left:?}");
    assert_eq!(left.err.lines().count(), 1 + threads.len(), "{left:?}");
}

/// Stacks that are kept for reuse and such that are not, with one P and with many.
fn a_goroutine_starts_when_a_stack_is_free() {
    for (stack, room) in [("67108864", "400"), ("4194304", "60")] {
        for procs in ["1", "2", "4"] {
            let env = [("GORT_STACK", stack), ("ROOM", room), ("GOMAXPROCS", procs)];
            assert_warned_once(&program("one_by_one", &env));
        }
    }
}

/// No stack comes back, but the limit is raised: they are noticed by and by.
fn nobody_gives_back() -> ExitCode {
    const ALL: usize = 20;
    limit();
    let gated = Gated::go(ALL);
    let begun = gated.settle();
    assert!((1..ALL).contains(&begun), "{begun}");
    free_address_space();
    gated.wait_for(ALL);
    gated.gates.iter().for_each(Event::set);
    gated.goroutines.into_iter().for_each(|one| one.wait().unwrap());
    ExitCode::SUCCESS
}

fn a_goroutine_starts_when_there_is_address_space_again() {
    for procs in ["1", "4"] {
        let env = [("GORT_STACK", "67108864"), ("ROOM", "400"), ("GOMAXPROCS", procs)];
        assert_warned_once(&program("nobody_gives_back", &env));
    }
}

/// Far more goroutines than stacks, which wait now and then.
fn churn() -> ExitCode {
    const ALL: usize = 5_000;
    limit();
    let done = Counter::new();
    let all: Vec<_> = (0..ALL)
        .map(|i| {
            let done = done.clone();
            gort::go(move || {
                match i % 4 {
                    0 => yield_now().wait(),
                    1 => sleep(Duration::from_micros(100)).wait(),
                    2 => gort::spawn(yield_now()).wait().unwrap(),
                    _ => {}
                }
                done.add();
            })
        })
        .collect();
    all.into_iter().for_each(|one| one.wait().unwrap());
    assert_eq!(done.get(), ALL);
    ExitCode::SUCCESS
}

fn many_share_few_stacks() {
    for procs in ["1", "2", "4"] {
        let env = [("GORT_STACK", "4194304"), ("ROOM", "60"), ("GOMAXPROCS", procs)];
        let begun = Instant::now();
        let left = program("churn", &env);
        println!(
            "{procs} Ps: 5,000 goroutines shared some 12 stacks for {:?}",
            begun.elapsed()
        );
        assert_warned_once(&left);
    }
}

/// Uses up all stacks that tasks are polled on, then has more tasks wait inside their polls.
fn waits_in_polls() -> ExitCode {
    const ALL: usize = 200;
    keep_memory(4 * MIB);
    // So that no more is taken at once than is needed.
    leave_address_space(100 * MIB);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    gort::block_on(TcpStream::connect(address)).unwrap();
    let _ = listener.accept().unwrap();
    // The thread that this needs.
    let answers = thread::spawn(move || {
        for _ in 0..ALL / 10 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 1];
            stream.read_exact(&mut bytes).unwrap();
            stream.write_all(&bytes).unwrap();
        }
    });
    // Nothing but malloc's small change: neither a stack nor a thread.
    leave_address_space(MIB);
    let done = Counter::new();
    let all: Vec<_> = (0..ALL)
        .map(|i| {
            let done = done.clone();
            gort::spawn(async move {
                match i % 10 {
                    0 => {
                        let mut stream = TcpStream::connect(address).wait().unwrap();
                        std::io::Write::write_all(&mut stream, &[7]).unwrap();
                        let mut bytes = [0; 1];
                        std::io::Read::read_exact(&mut stream, &mut bytes).unwrap();
                        assert_eq!(bytes, [7]);
                    }
                    1 => {
                        yield_now().wait();
                        sleep(Duration::from_millis(1)).await;
                        yield_now().wait();
                    }
                    2 => {
                        let timeout = gort::time::timeout(Duration::from_millis(1), async {
                            std::future::pending::<()>().await
                        });
                        timeout.wait().unwrap_err();
                    }
                    _ => sleep(Duration::from_millis(i as u64 % 5)).wait(),
                }
                done.add();
            })
        })
        .collect();
    all.into_iter().for_each(|one| one.wait().unwrap());
    assert_eq!(done.get(), ALL);
    answers.join().unwrap();
    ExitCode::SUCCESS
}

fn a_poll_without_a_stack_to_keep_blocks() {
    for procs in ["1", "2", "4"] {
        let begun = Instant::now();
        let left = program("waits_in_polls", &[("GOMAXPROCS", procs)]);
        println!(
            "{procs} Ps: 200 tasks waited in their polls for {:?}",
            begun.elapsed()
        );
        assert_warned_once(&left);
    }
}

#[gort::main]
async fn main_with_a_large_stack() {
    gort::go(|| {}).await.unwrap();
}

/// More than there is address space for: the thread's own stack takes it as it grows, ours at once.
fn main_has_less() -> ExitCode {
    let limit = libc::rlimit {
        rlim_cur: 1 << 30,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: a valid rlimit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_STACK, &limit) }, 0);
    leave_address_space(100 * MIB);
    main_with_a_large_stack()
}

fn main_takes_what_there_is() {
    program("main_has_less", &[]).assert_quiet(0);
}

fn no_boot() -> ExitCode {
    leave_address_space(MIB);
    main_with_a_large_stack()
}

fn a_boot_without_space_is_one_line() {
    let left = program("no_boot", &[]);
    assert!(left.the_fatal_line().contains("raise `ulimit -v`"), "{left:?}");
    assert_eq!(left.err.lines().count(), 1, "{left:?}");
}

/// Of 200 MiB the program gets most, although regions of stacks are usually large.
fn leaves_room() -> ExitCode {
    leave_address_space(200 * MIB);
    gort::go(|| {}).wait().unwrap();
    gort::Builder::new()
        .stack_size(MIB)
        .go(|| {})
        .unwrap()
        .wait()
        .unwrap();
    let mut mine = Vec::<u8>::new();
    assert!(mine.try_reserve_exact(100 * MIB).is_ok());
    let _ = ManuallyDrop::new(mine);
    ExitCode::SUCCESS
}

fn the_program_keeps_its_share() {
    program("leaves_room", &[]).assert_quiet(0);
}
