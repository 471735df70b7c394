//! One G as a dump shows it: text, made without memory. Used on every stack.

use std::fmt;
use std::panic::Location;

use crate::g::Gp;
use crate::state::Status;
use crate::wait_reason::WaitReason;

/// What is shown of a G.
#[derive(Clone, Copy)]
pub(super) struct Description<'a> {
    id: u64,
    is_task: bool,
    name: Option<&'a str>,
    created_at: &'static Location<'static>,
    doing: Doing,
}

/// What a G does.
#[derive(Clone, Copy)]
pub(super) enum Doing {
    /// It is on an M, on this thread; or perhaps in a queue if nobody stopped the world to find out.
    Running(Option<u32>),
    /// It is a job on a blocking thread.
    Blocking,
    /// It is in a queue; mid-stack, it stands where it last waited.
    Runnable(Option<&'static Location<'static>>),
    /// It waits, and is its future and no more.
    AtBase(WaitReason),
    /// It waits with a stack. What it is and since when is not known while it is still leaving that.
    MidStack(Option<Wait>),
}

/// A wait mid-stack.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    pub(super) reason: WaitReason,
    /// For so many nanoseconds so far, where ticks are a clock.
    pub(super) lasted: Option<u64>,
    pub(super) at: Option<&'static Location<'static>>,
}

impl<'a> Description<'a> {
    /// Without its name, which may go when the G goes.
    pub(super) fn new(g: Gp, doing: Doing) -> Description<'a> {
        let header = g.g();
        Description {
            id: header.goid.get(),
            is_task: header.vtable.task,
            name: None,
            created_at: header.created_at,
            doing,
        }
    }

    pub(super) fn named<'b>(self, name: Option<&'b str>) -> Description<'b>
    where
        'a: 'b,
    {
        Description { name, ..self }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

/// What the state word says by itself.
pub(super) fn doing_by_state(g: Gp) -> Doing {
    let glance = g.g().state.glance();
    match (glance.status, glance.has_frames) {
        (Status::Runnable, _) => Doing::Runnable(None),
        (Status::Running, _) if g.g().vtable.blocks => Doing::Blocking,
        // A body that has ended leaves the list of Gs before it is dead.
        (Status::Running | Status::Dead, _) => Doing::Running(None),
        (Status::Waiting, true) => Doing::MidStack(None),
        (Status::Waiting, false) => Doing::AtBase(WaitReason::from_number(glance.reason)),
    }
}

impl Description<'_> {
    /// `goroutine 7 [sleep, 2m3s] "name":`
    pub(super) fn head(&self) -> impl fmt::Display {
        Head(*self)
    }

    /// Where it waits or runs, and where it was made, each on a line.
    pub(super) fn places(&self) -> impl fmt::Display {
        Places(*self)
    }
}

struct Head<'a>(Description<'a>);

impl fmt::Display for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0.is_task { "task" } else { "goroutine" };
        write!(f, "{kind} {} [{}]", self.0.id, self.0.doing)?;
        if let Some(name) = self.0.name {
            write!(f, " {name:?}")?;
        }
        writeln!(f, ":")
    }
}

struct Places<'a>(Description<'a>);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.doing {
            Doing::Running(Some(tid)) => writeln!(f, "\truns on thread {tid}")?,
            Doing::Runnable(Some(at)) | Doing::MidStack(Some(Wait { at: Some(at), .. })) => {
                writeln!(f, "\twaits at {at}")?;
            }
            _ => {}
        }
        writeln!(f, "\tcreated at {}", self.0.created_at)
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doing::Running(_) => f.write_str("running"),
            Doing::Blocking => WaitReason::Blocking.fmt(f),
            Doing::Runnable(_) => f.write_str("runnable"),
            Doing::AtBase(reason) => write!(f, "{reason}, at base"),
            Doing::MidStack(None) => f.write_str("waiting"),
            Doing::MidStack(Some(wait)) => {
                wait.reason.fmt(f)?;
                match wait.lasted {
                    Some(nanos) if nanos >= NANOS_PER_MILLI => write!(f, ", {}", Lasted(nanos)),
                    _ => Ok(()),
                }
            }
        }
    }
}

const NANOS_PER_MILLI: u64 = 1_000_000;
const MILLIS_PER_SEC: u64 = 1_000;
const SECS_PER_MINUTE: u64 = 60;
const MINUTES_PER_HOUR: u64 = 60;

/// So many nanoseconds, in the two largest units: `1h2m`, `2m3s`, `3s`, `45ms`.
pub(super) struct Lasted(pub(super) u64);

impl fmt::Display for Lasted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / NANOS_PER_MILLI;
        let secs = millis / MILLIS_PER_SEC;
        let minutes = secs / SECS_PER_MINUTE;
        let hours = minutes / MINUTES_PER_HOUR;
        if hours > 0 {
            write!(f, "{hours}h{}m", minutes % MINUTES_PER_HOUR)
        } else if minutes > 0 {
            write!(f, "{minutes}m{}s", secs % SECS_PER_MINUTE)
        } else if secs > 0 {
            write!(f, "{secs}s")
        } else {
            write!(f, "{millis}ms")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_two_largest_units() {
        const SEC: u64 = 1_000_000_000;
        for (nanos, text) in [
            (45_900_000, "45ms"),
            (SEC - 1, "999ms"),
            (3 * SEC + 1, "3s"),
            (123 * SEC, "2m3s"),
            (3_600 * SEC, "1h0m"),
            (90_061 * SEC, "25h1m"),
        ] {
            assert_eq!(Lasted(nanos).to_string(), text);
        }
    }
}
