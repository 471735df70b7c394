//! The cases: each subject on each runtime that has it. gort's comes first: it is what the others are compared to.

use std::io;
use std::time::Duration;

use crate::measure::Reading;
use crate::peer::{GORT, Goroutines, Gort, May, Smol, Tasks, TokioCurrentThread, TokioMultiThread};
use crate::subject::{
    AtomicAdd, GoroutinePingPong, GoroutineSpawnJoin, GoroutineSpawnMany, GoroutineSubject, GoroutineYield,
    SelfWake, SpawnBlocking, SwitchPair, TaskPingPong, TaskSpawnJoin, TaskSpawnMany, TaskSubject, TaskYield,
    TimerCancel, TimerZero,
};
use crate::{echo, go};

/// The runtime of the yardstick: none.
const MACHINE: &str = "machine";

/// A subject on a runtime.
pub(crate) struct Case {
    pub(crate) subject: &'static str,
    pub(crate) runtime: &'static str,
    pub(crate) work: Work,
}

/// What the case's child does.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Takes a reading that lasts so long, and prints it.
    Read(fn(Duration) -> Reading),
    /// Serves so many connections, while the parent takes the reading.
    Serve(fn() -> io::Result<()>, usize),
    /// It is the Go program, and takes a reading.
    GoRead,
    /// It is the Go program, and serves.
    GoServe(usize),
}

impl Work {
    pub(crate) fn is_go(self) -> bool {
        matches!(self, Work::GoRead | Work::GoServe(_))
    }
}

impl Case {
    /// SUBJECT/RUNTIME: what users filter by.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.subject, self.runtime)
    }
}

/// Every case, by subject.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = vec![
        reads(AtomicAdd::NAME, MACHINE, AtomicAdd::measure),
        reads(SwitchPair::NAME, GORT, SwitchPair::gort),
        reads(SwitchPair::NAME, "corosensei", SwitchPair::corosensei),
    ];
    tasks::<TaskYield>(&mut cases);
    tasks::<SelfWake>(&mut cases);
    goroutines::<GoroutineYield>(&mut cases);
    tasks::<TaskSpawnJoin>(&mut cases);
    goroutines::<GoroutineSpawnJoin>(&mut cases);
    tasks::<TaskSpawnMany>(&mut cases);
    goroutines::<GoroutineSpawnMany>(&mut cases);
    tasks::<TaskPingPong>(&mut cases);
    goroutines::<GoroutinePingPong>(&mut cases);
    tasks::<SpawnBlocking>(&mut cases);
    tasks::<TimerZero>(&mut cases);
    tasks::<TimerCancel>(&mut cases);
    echo(echo::MANY, &mut cases);
    echo(echo::ONE, &mut cases);
    cases
}

fn reads(subject: &'static str, runtime: &'static str, read: fn(Duration) -> Reading) -> Case {
    Case {
        subject,
        runtime,
        work: Work::Read(read),
    }
}

fn tasks<S: TaskSubject>(cases: &mut Vec<Case>) {
    fn case<S: TaskSubject, R: Tasks>() -> Case {
        reads(S::NAME, R::NAME, S::measure::<R>)
    }
    cases.extend([
        case::<S, Gort>(),
        case::<S, TokioMultiThread>(),
        case::<S, TokioCurrentThread>(),
        case::<S, Smol>(),
    ]);
    go(S::NAME, cases);
}

fn goroutines<S: GoroutineSubject>(cases: &mut Vec<Case>) {
    fn case<S: GoroutineSubject, R: Goroutines>() -> Case {
        reads(S::NAME, R::NAME, S::measure::<R>)
    }
    cases.extend([case::<S, Gort>(), case::<S, May>()]);
    go(S::NAME, cases);
}

fn go(subject: &'static str, cases: &mut Vec<Case>) {
    if go::SUBJECTS.contains(&subject) {
        cases.push(Case {
            subject,
            runtime: go::NAME,
            work: Work::GoRead,
        });
    }
}

fn echo((subject, connections): (&'static str, usize), cases: &mut Vec<Case>) {
    let mut case = |runtime, work| {
        cases.push(Case {
            subject,
            runtime,
            work,
        });
    };
    case(GORT, Work::Serve(echo::gort_tasks, connections));
    case("gort-goroutines", Work::Serve(echo::gort_goroutines, connections));
    case(
        TokioMultiThread::NAME,
        Work::Serve(echo::tokio_multi_thread, connections),
    );
    case(
        TokioCurrentThread::NAME,
        Work::Serve(echo::tokio_current_thread, connections),
    );
    case(Smol::NAME, Work::Serve(echo::smol_tasks, connections));
    case(May::NAME, Work::Serve(echo::may_goroutines, connections));
    case(go::NAME, Work::GoServe(connections));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_gort_comes_first() {
        let cases = all();
        for (i, case) in cases.iter().enumerate() {
            assert!(
                cases[..i].iter().all(|other| other.id() != case.id()),
                "{}",
                case.id()
            );
            let first = cases.iter().find(|other| other.subject == case.subject);
            assert!([GORT, MACHINE].contains(&first.unwrap().runtime));
        }
    }
}
