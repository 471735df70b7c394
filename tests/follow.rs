//! GOMAXPROCS follows the process's CPU affinity at run time, unless somebody has said what it is to be.

mod support;

use std::mem::{MaybeUninit, size_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use gort::runtime::{max_procs, set_default_max_procs, set_max_procs};
use gort::task;
use support::{is_child, run_child_and_show, until, watchdog};

/// In which it would have been followed: twice.
const LONG: Duration = Duration::from_millis(2500);

/// The processors that the process may use, at most two of them.
fn processors() -> Vec<usize> {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: the set is ours to write, and zeroes are an empty one.
    let set = unsafe {
        assert_eq!(
            libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()),
            0
        );
        set.assume_init()
    };
    // SAFETY: within the set.
    let is_in = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &set) };
    (0..libc::CPU_SETSIZE as usize).filter(is_in).take(2).collect()
}

/// Has every thread of the process use these processors only, as `taskset -a` does.
fn use_only(processors: &[usize]) {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    for tid in support::proc::threads("") {
        // SAFETY: as above.
        unsafe {
            let set = set.assume_init_mut();
            libc::CPU_ZERO(set);
            processors.iter().for_each(|cpu| libc::CPU_SET(*cpu, set));
            // It may have ended.
            libc::sched_setaffinity(tid as libc::pid_t, size_of::<libc::cpu_set_t>(), set);
        }
    }
}

/// While it lives sysmon is awake.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn new() -> Busy {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        drop(gort::spawn(async move {
            while !seen.load(Relaxed) {
                task::yield_now().await;
            }
        }));
        Busy(over)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Runs `body` with two processors in a child of its own, if there are two.
fn in_a_child(name: &'static str, env: &[(&str, &str)], body: impl FnOnce(&[usize])) {
    let two = processors();
    if two.len() < 2 {
        return;
    }
    if is_child(name) {
        let _watchdog = watchdog(name);
        use_only(&two);
        return body(&two);
    }
    run_child_and_show(name, env);
}

#[test]
fn it_is_followed() {
    in_a_child("it_is_followed", &[("GOMAXPROCS", "")], |two| {
        let _busy = Busy::new();
        assert_eq!(max_procs(), 2);
        for _ in 0..2 {
            use_only(&two[..1]);
            until(|| max_procs() == 1);
            use_only(two);
            until(|| max_procs() == 2);
        }
    });
}

/// After an idle time it is looked at once something runs.
#[test]
fn it_is_followed_after_a_sleep() {
    in_a_child("it_is_followed_after_a_sleep", &[("GOMAXPROCS", "")], |two| {
        assert_eq!(max_procs(), 2);
        use_only(&two[..1]);
        // Nobody is woken for it (`idle.rs`); others may be.
        thread::sleep(LONG);
        let _busy = Busy::new();
        until(|| max_procs() == 1);
    });
}

#[test]
fn it_stays_as_it_was_set() {
    in_a_child("it_stays_as_it_was_set", &[("GOMAXPROCS", "")], |two| {
        let _busy = Busy::new();
        assert_eq!(set_max_procs(3), 2);
        use_only(&two[..1]);
        thread::sleep(LONG);
        assert_eq!(max_procs(), 3);
        set_default_max_procs();
        assert_eq!(max_procs(), 1);
        use_only(two);
        until(|| max_procs() == 2);
    });
}

fn stays_at_two(two: &[usize]) {
    let _busy = Busy::new();
    assert_eq!(max_procs(), 2);
    use_only(&two[..1]);
    thread::sleep(LONG);
    assert_eq!(max_procs(), 2);
}

#[test]
fn it_stays_as_the_environment_says() {
    in_a_child(
        "it_stays_as_the_environment_says",
        &[("GOMAXPROCS", "2")],
        stays_at_two,
    );
}

#[test]
fn it_stays_when_told_to() {
    let env = [("GOMAXPROCS", ""), ("GORTDEBUG", "updatemaxprocs=0")];
    in_a_child("it_stays_when_told_to", &env, stays_at_two);
}
