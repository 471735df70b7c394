//! The load: one thread that sends each request when it is due, whatever has become of those before it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::epoll::Epoll;
use crate::server::{MISBEHAVE, Message};

pub(crate) const CONNECTIONS: usize = 200;
/// Requests a second.
pub(crate) const RATE: u32 = 2_000;
/// One request of so many misbehaves.
const ONE_OF: u64 = 100;
/// What goes before, and is not in the figures.
const WARM_UP: Duration = Duration::from_secs(1);
/// A server that owes replies for so long after the last request is broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of the requests that did not misbehave themselves.
pub(crate) struct Record {
    /// From when each was due until its reply was there, in nanoseconds.
    pub(crate) latency: Vec<u64>,
    /// How late each was sent, by no fault of the server's.
    pub(crate) late: Vec<u64>,
}

/// Drives the server at `address` for `duration`, with `rate` requests a second.
///
/// # Errors
/// If the server closes a connection, answers something else, or not at all.
pub(crate) fn drive(address: SocketAddr, rate: u32, duration: Duration, seed: u64) -> io::Result<Record> {
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(Connection::to(address)?);
    }
    let mut schedule = Schedule::new(rate, duration, seed);
    // The clock starts after the schedule: when it ticks, a request is due.
    let mut epoll = Epoll::new(schedule.interval, CONNECTIONS)?;
    for (key, connection) in connections.iter().enumerate() {
        epoll.add(&connection.stream, key)?;
    }
    let mut waiting = schedule.requests.len();
    while waiting > 0 {
        while let Some((number, request)) = schedule.next_due() {
            connections[number % CONNECTIONS].send(request)?;
        }
        if schedule.is_over_since(PATIENCE) {
            return Err(io::Error::new(
                ErrorKind::TimedOut,
                format!("{waiting} requests were never answered"),
            ));
        }
        let ready = epoll.wait()?;
        for key in ready.keys() {
            connections[key].receive(|reply| {
                waiting -= 1;
                schedule.done(reply)
            })?;
        }
    }
    Ok(schedule.into_record())
}

/// Which request is due when, and what became of it.
struct Schedule {
    start: Instant,
    interval: Duration,
    /// So many of the requests are the warm-up.
    warm_up: usize,
    requests: Vec<Request>,
    sent: usize,
}

#[derive(Clone, Copy)]
struct Request {
    misbehaves: bool,
    late: u64,
    /// None: not answered yet.
    latency: Option<u64>,
}

impl Schedule {
    fn new(rate: u32, duration: Duration, seed: u64) -> Schedule {
        let mut random = Random::new(seed);
        let in_time = |time: Duration| (f64::from(rate) * time.as_secs_f64()) as usize;
        let warm_up = in_time(WARM_UP);
        Schedule {
            interval: Duration::from_secs(1) / rate,
            warm_up,
            requests: (0..warm_up + in_time(duration))
                .map(|_| Request {
                    misbehaves: random.next().is_multiple_of(ONE_OF),
                    late: 0,
                    latency: None,
                })
                .collect(),
            sent: 0,
            start: Instant::now(),
        }
    }

    fn due(&self, number: usize) -> Instant {
        self.start + self.interval * number as u32
    }

    fn next_due(&mut self) -> Option<(usize, Message)> {
        let number = self.sent;
        let late = Instant::now().checked_duration_since(self.due(number))?;
        let request = self.requests.get_mut(number)?;
        request.late = late.as_nanos() as u64;
        self.sent += 1;
        let flag = if request.misbehaves { MISBEHAVE } else { 0 };
        Some((number, (number as u64 | flag).to_le_bytes()))
    }

    fn done(&mut self, reply: Message) -> io::Result<()> {
        let number = (u64::from_le_bytes(reply) & !MISBEHAVE) as usize;
        let latency = self.due(number).elapsed().as_nanos() as u64;
        match self.requests.get_mut(number) {
            Some(request) if number < self.sent && request.latency.is_none() => {
                request.latency = Some(latency);
                Ok(())
            }
            _ => Err(io::Error::new(
                ErrorKind::InvalidData,
                "a reply to what was not asked",
            )),
        }
    }

    fn is_over_since(&self, patience: Duration) -> bool {
        self.due(self.requests.len()).elapsed() > patience
    }

    fn into_record(self) -> Record {
        let others: Vec<Request> = self
            .requests
            .into_iter()
            .skip(self.warm_up)
            .filter(|request| !request.misbehaves)
            .collect();
        Record {
            latency: others.iter().filter_map(|request| request.latency).collect(),
            late: others.iter().map(|request| request.late).collect(),
        }
    }
}

struct Connection {
    stream: TcpStream,
    /// The reply that is coming, and how much of it is there.
    reply: Message,
    filled: usize,
}

impl Connection {
    fn to(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream,
            reply: Message::default(),
            filled: 0,
        })
    }

    fn send(&mut self, request: Message) -> io::Result<()> {
        // The socket's buffer holds thousands: it takes all of it, or something is broken.
        self.stream.write_all(&request)
    }

    /// Reads the replies that are there.
    fn receive(&mut self, mut done: impl FnMut(Message) -> io::Result<()>) -> io::Result<()> {
        match self.stream.read(&mut self.reply[self.filled..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => self.filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        // One that is left makes the descriptor ready again.
        if self.filled == self.reply.len() {
            self.filled = 0;
            done(self.reply)?;
        }
        Ok(())
    }
}

/// The same numbers for the same seed (Vigna's splitmix64).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }
}
