//! Models of the sleep protocol (rule 7, src/sched/README.md) under loom, see ci/loom.sh. The protocol's files
//! themselves are compiled here, over what loom/sched has: Ms that look for work and sleep, and threads that submit it.
//! There is no sysmon, which would find late what these must find at once.
//!
//! A model ends when its Gs have run, and then looks at the books. A G that nobody comes to run leaves all threads
//! asleep, which loom reports as a deadlock. For each fence there is a model that fails without it.
#![cfg(loom)]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use a part of what they include"
)]

#[path = "loom/atomic.rs"]
mod atomic;
#[path = "loom/model.rs"]
mod model;
#[path = "loom/sched/mod.rs"]
mod sched;

#[path = "../src/sched/idle.rs"]
mod idle;
#[path = "../src/queue/list.rs"]
mod list;
#[path = "../src/sched/mlist.rs"]
mod mlist;
#[path = "../src/sched/netpoll.rs"]
mod netpoll;
#[path = "../src/note.rs"]
mod note;
#[path = "../src/queue/pinned.rs"]
mod pinned;
#[path = "../src/poller.rs"]
mod poller;
#[path = "../src/sched/ready.rs"]
mod ready;
#[path = "../src/queue/runq.rs"]
mod runq;
#[path = "../src/sched/startm.rs"]
mod startm;
#[path = "../src/sched/steal.rs"]
mod steal;

mod queue {
    pub(crate) use crate::{list, pinned, runq};
}

macro_rules! warning {
    ($($arg:tt)*) => {
        let _ = format_args!($($arg)*);
    };
}
pub(crate) use warning;

fn throw(why: std::fmt::Arguments<'_>) -> ! {
    panic!("{why}");
}

pub(crate) use sched::{arch, g, life, lock, m, p, state, sys, ticks};

use atomic::{Ordering, without_fence};
use g::Gp;
use model::model;
use ready::ready;
use sched::SCHED;
use sched::time;
use sched::world::{
    away, be, boot, busy, end, poller_is_taken, start, start_let_off, start_spinning, start_without_p, wait,
};
use sys::SOON;

const IDLE: (&str, &str) = ("sched/idle.rs", include_str!("../src/sched/idle.rs"));
const STARTM: (&str, &str) = ("sched/startm.rs", include_str!("../src/sched/startm.rs"));
const READY: (&str, &str) = ("sched/ready.rs", include_str!("../src/sched/ready.rs"));
const NETPOLL: (&str, &str) = ("sched/netpoll.rs", include_str!("../src/sched/netpoll.rs"));

/// How many forced switches are tried where more would take minutes.
const FEW: usize = 2;
const MANY: usize = 3;

/// Tries the model without the first fence of a function. It must fail.
fn without(file: (&'static str, &str), function: &str, check: impl Fn() + Send + Sync + 'static) {
    without_fence(file.0, file.1, function, || model(FEW, check));
}

// Movable work.

/// A G of M1 makes two others runnable and goes on, while M0 gives up. That is to steal the first; the second would be
/// M1's next.
fn submitted_while_an_m_gives_up(start: fn(usize)) {
    boot(2, &[2]);
    start(0);
    be(1);
    ready(Gp::movable(), false);
    ready(Gp::bystander(), false);
    wait();
    end();
}

#[test]
fn a_spinner_that_gives_up_finds_what_was_submitted() {
    model(FEW, || submitted_while_an_m_gives_up(start_spinning));
}

/// It was let off looking on account of a spinner, which has given up since.
#[test]
fn an_m_that_does_not_spin_finds_it_too() {
    model(FEW, || submitted_while_an_m_gives_up(start_let_off));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_submits() {
    without(STARTM, "fn wakep(", || {
        submitted_while_an_m_gives_up(start_spinning)
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_gives_up() {
    without(IDLE, "fn wait_for_work(", || {
        submitted_while_an_m_gives_up(start_spinning)
    });
}

/// As above, and it is M0's blocking thread that lays the last P aside. There was a spinner, which gives up in vain
/// first; somebody has its P.
fn submitted_while_a_p_is_handed_off() {
    boot(3, &[3]);
    busy(2);
    SCHED.nmspinning.store(1, Ordering::Relaxed);
    let m1 = busy(1);
    be(0);
    let (g, next) = (Gp::movable(), Gp::bystander());
    let other = loom::thread::spawn(move || {
        SCHED.nmspinning.fetch_sub(1, Ordering::SeqCst);
        m1.bind();
        ready(g, false);
        ready(next, false);
    });
    away(wait);
    other.join().unwrap();
    end();
}

#[test]
fn who_lays_a_p_aside_finds_what_was_submitted() {
    model(FEW, submitted_while_a_p_is_handed_off);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_submits_while_a_p_is_handed_off() {
    without(STARTM, "fn wakep(", submitted_while_a_p_is_handed_off);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_lays_a_p_aside() {
    without(STARTM, "fn handoffp(", submitted_while_a_p_is_handed_off);
}

/// From a thread without an M, while the only M goes to sleep.
fn injected(spare: &[usize]) {
    boot(1, spare);
    start(0);
    ready(Gp::movable(), false);
    wait();
    end();
}

#[test]
fn injected_while_the_only_m_goes_to_sleep() {
    model(MANY, || injected(&[1]));
}

#[test]
fn injected_while_the_only_m_goes_to_sleep_and_no_thread_can_be_had() {
    model(MANY, || injected(&[]));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_gets_no_thread() {
    without(STARTM, "fn without_newm(", || injected(&[]));
}

/// M1 blocks its thread, and says so, until what it has queued has run elsewhere. Then it comes back for a P.
fn handed_off(spare: &[usize], start: fn(usize)) {
    boot(2, spare);
    start(0);
    be(1);
    ready(Gp::movable(), false);
    away(wait);
    end();
}

#[test]
fn a_p_is_handed_off_with_its_queue() {
    model(FEW, || handed_off(&[], start_spinning));
    model(FEW, || handed_off(&[], start_let_off));
    model(1, || handed_off(&[2], start_spinning));
}

// Pinned work.

/// Its home goes to sleep in the poller.
fn pinned_to_a_poller() {
    boot(1, &[]);
    start(0);
    ready(Gp::pinned_to(0), true);
    wait();
    end();
}

/// Its home goes to sleep on its note.
fn pinned_to_a_sleeper() {
    boot(1, &[]);
    poller_is_taken();
    start(0);
    ready(Gp::pinned_to(0), true);
    wait();
    end();
}

#[test]
fn a_pinned_g_wakes_its_home_in_the_poller() {
    model(MANY, pinned_to_a_poller);
}

#[test]
fn a_pinned_g_wakes_its_sleeping_home() {
    model(MANY, pinned_to_a_sleeper);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_wakes_a_poller() {
    without(READY, "fn wake_home(", pinned_to_a_poller);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_wakes_a_sleeper() {
    without(READY, "fn wake_home(", pinned_to_a_sleeper);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_goes_to_poll() {
    without(IDLE, "fn announce(", pinned_to_a_poller);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_goes_to_sleep() {
    without(IDLE, "fn announce(", pinned_to_a_sleeper);
}

/// It and a movable G want the same sleeping M, which is granted one P.
#[test]
fn a_pinned_and_a_movable_g_wake_one_m() {
    model(FEW, || {
        boot(2, &[]);
        poller_is_taken();
        start(0);
        let pinned = Gp::pinned_to(0);
        let other = loom::thread::spawn(move || ready(pinned, true));
        ready(Gp::movable(), false);
        other.join().unwrap();
        wait();
        end();
    });
}

// Turns.

/// Two Ms have work of their own, and there is one P: one queues for it, the other gives way.
#[test]
fn two_ms_share_a_p() {
    model(FEW, || {
        boot(1, &[]);
        start(0);
        start_without_p(1);
        ready(Gp::pinned_to(0), true);
        ready(Gp::pinned_to(1), true);
        wait();
        end();
    });
}

// Timers.

/// Due later than any model lasts.
const LATE: u64 = 1_000_000;

/// From a thread without an M, while the only M goes to sleep, for ever or until another timer.
fn timer_from_outside(other: Option<(u64, Gp)>, spare: &[usize]) {
    boot(1, spare);
    if let Some((when, g)) = other {
        time::add_before(when, g);
    }
    start(0);
    time::add(SOON, Gp::movable());
    wait();
    end();
}

#[test]
fn a_timer_is_added_while_the_only_m_goes_to_sleep() {
    model(MANY, || timer_from_outside(None, &[]));
    model(FEW, || timer_from_outside(None, &[1]));
}

#[test]
fn a_timer_is_added_before_a_later_one() {
    model(MANY, || timer_from_outside(Some((LATE, Gp::bystander())), &[]));
    model(FEW, || timer_from_outside(Some((LATE, Gp::bystander())), &[1]));
}

/// The M sleeps twice. What it has left in `poll_until` the first time is not taken for the second.
#[test]
fn a_timer_is_added_after_an_earlier_one() {
    model(FEW, || timer_from_outside(Some((SOON / 2, Gp::movable())), &[]));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_adds() {
    without(STARTM, "fn wakep(", || timer_from_outside(None, &[]));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_polls_until_then() {
    without(IDLE, "fn announce(", || timer_from_outside(None, &[]));
}

/// A G of M1 adds one to its own P, which then is handed off, while M0 goes to the poller. It is the last P, or it is
/// not.
fn timer_handed_off(others: usize) {
    boot(2 + others as u32, &[]);
    start(0);
    for m in 0..others {
        busy(2 + m);
    }
    be(1);
    time::add(SOON, Gp::movable());
    away(wait);
    end();
}

#[test]
fn a_timer_of_a_p_that_is_handed_off_is_not_slept_past() {
    model(FEW, || timer_handed_off(0));
    model(FEW, || timer_handed_off(1));
}

/// The other P is idle, and its M blocks elsewhere.
#[test]
fn the_last_p_is_not_laid_aside_while_nobody_polls() {
    model(MANY, || {
        boot(2, &[0]);
        be(1);
        time::add(SOON, Gp::movable());
        away(wait);
        end();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fence_of_who_hands_a_timer_off() {
    without(NETPOLL, "fn wake_before(", || timer_handed_off(1));
}
