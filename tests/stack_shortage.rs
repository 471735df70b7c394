//! A goroutine for whose stack there is no address space waits, and starts once there is some, though nobody gives a
//! stack back and every M sleeps by then.

mod support;

use std::io::{Write, stderr};
use std::thread;
use std::time::Duration;

use support::{is_child, run_child, watchdog};

/// How long the shortage lasts: long enough for every M to fall asleep.
const SHORTAGE: Duration = Duration::from_millis(100);
/// After so long the scavenger has nothing left to do: its timer wakes no M.
const SETTLED: Duration = Duration::from_millis(3500);
/// What may be mapped during it: enough for malloc, and less than such a stack.
const SLACK: libc::rlim_t = 1 << 20;
/// A size of stack of which the runtime has none at hand.
const UNUSUAL_STACK: usize = 4 << 20;

fn limit_address_space(bytes: libc::rlim_t) {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: a valid rlimit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

/// What the process has mapped, in bytes.
fn address_space() -> libc::rlim_t {
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: libc::rlim_t = statm.split(' ').next().unwrap().parse().unwrap();
    pages * page as libc::rlim_t
}

#[test]
fn starts_when_there_is_room_again() {
    let name = "starts_when_there_is_room_again";
    if is_child(name) {
        let _watchdog = watchdog(name);
        // The runtime is up, and has every thread that it will need.
        gort::spawn(async {}).wait().unwrap();
        thread::sleep(SETTLED);
        let room = thread::spawn(|| {
            thread::sleep(SHORTAGE);
            limit_address_space(libc::RLIM_INFINITY);
        });
        gort_runtime_core::set_default_stack(UNUSUAL_STACK);
        limit_address_space(address_space() + SLACK);
        let late = gort::go(|| ());
        thread::sleep(SHORTAGE / 2);
        assert!(!late.is_finished());
        room.join().unwrap();
        late.wait().unwrap();
        return;
    }
    let output = run_child(name, &[("GOMAXPROCS", "1")]);
    let said = String::from_utf8_lossy(&output.stderr);
    let _ = stderr().write_all(&output.stderr);
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(
        said.matches("gort: no address space for another stack").count(),
        1
    );
}
