//! `#[gort::test]`'s entry point under the real test harness: which process a body runs in, with which
//! environment, and how each of its ends comes back. The calls are written as the attribute expands them.

use std::error::Error;
use std::process::{Command, ExitCode};

use gort_executor::private::{Options, test};

const SHARED: Options = Options {
    processors: None,
    stack_size: None,
};
const OWN: Options = Options {
    processors: Some(3),
    stack_size: Some(131_072),
};

/// The test that this process was started for, if it is a child.
fn child() -> Option<String> {
    std::env::var("GORT_TEST_CHILD").ok()
}

/// The path that the attribute gives for the test `$name`.
macro_rules! path {
    ($name:ident) => {
        concat!(module_path!(), "::", stringify!($name))
    };
}

#[test]
fn shares_the_process_without_arguments() {
    let pid = std::process::id();
    let code = test(SHARED, path!(shares_the_process_without_arguments), move || {
        assert_eq!(std::process::id(), pid);
    });
    assert_eq!(code, ExitCode::SUCCESS);
}

#[test]
fn arguments_are_the_childs_environment() {
    let code = test(OWN, path!(arguments_are_the_childs_environment), || {
        assert_eq!(
            child().as_deref(),
            Some("testing::arguments_are_the_childs_environment")
        );
        assert_eq!(std::env::var("GOMAXPROCS").as_deref(), Ok("3"));
        assert_eq!(std::env::var("GORT_STACK").as_deref(), Ok("131072"));
    });
    assert_eq!(code, ExitCode::SUCCESS);
}

#[test]
fn one_argument_leaves_the_other_alone() {
    let inherited = std::env::var_os("GORT_STACK");
    let options = Options {
        processors: Some(1),
        stack_size: None,
    };
    test(options, path!(one_argument_leaves_the_other_alone), move || {
        assert_eq!(std::env::var("GOMAXPROCS").as_deref(), Ok("1"));
        assert_eq!(std::env::var_os("GORT_STACK"), inherited);
    });
}

mod module {
    #[test]
    fn is_found_in_a_module() {
        test(super::OWN, path!(is_found_in_a_module), || {
            assert_eq!(
                super::child().as_deref(),
                Some("testing::module::is_found_in_a_module")
            );
        });
    }

    use gort_executor::private::test;
}

#[test]
fn an_ok_passes() {
    let body = || -> Result<(), Box<dyn Error>> { Ok(()) };
    assert_eq!(test(SHARED, path!(an_ok_passes), body), ExitCode::SUCCESS);
    assert_eq!(test(OWN, path!(an_ok_passes), body), ExitCode::SUCCESS);
}

#[test]
fn an_err_fails() {
    // Box<dyn Error> is not Send: it never leaves its goroutine.
    let body = || -> Result<(), Box<dyn Error>> { Err("on purpose".into()) };
    assert_eq!(test(OWN, path!(an_err_fails), body), ExitCode::FAILURE);
    assert_eq!(test(SHARED, path!(an_err_fails), body), ExitCode::FAILURE);
}

#[test]
#[should_panic(expected = "on purpose: 42")]
fn a_panic_keeps_its_payload() {
    test(SHARED, path!(a_panic_keeps_its_payload), || {
        panic!("on purpose: {}", 6 * 7)
    });
}

#[test]
#[should_panic(expected = "on purpose: 42")]
fn a_childs_panic_message_comes_back() {
    test(OWN, path!(a_childs_panic_message_comes_back), || {
        panic!("on purpose: {}", 6 * 7)
    });
}

#[test]
#[should_panic(expected = "ended without finishing")]
fn a_child_that_exits_midway_has_not_passed() {
    test(OWN, path!(a_child_that_exits_midway_has_not_passed), || {
        std::process::exit(0)
    });
}

#[test]
#[should_panic(expected = "signal: 9")]
fn a_child_that_is_killed_has_not_passed() {
    test(OWN, path!(a_child_that_is_killed_has_not_passed), || {
        // By a signal that leaves no core file.
        let _ = Command::new("sh").args(["-c", "kill -KILL $PPID"]).status();
    });
}

#[test]
#[should_panic(expected = "not found by its harness")]
fn a_child_that_runs_no_test_has_not_passed() {
    test(OWN, "testing::no_such_test", || {});
}

#[test]
#[ignore = "runs only in the child that the next test starts"]
fn ignored() {
    assert_eq!(test(OWN, path!(ignored), || {}), ExitCode::SUCCESS);
}

#[test]
fn an_ignored_test_runs_in_its_child() {
    // This process's harness leaves `ignored` out; its child must not, or `--ignored` would never run it.
    assert_eq!(test(OWN, path!(ignored), || {}), ExitCode::SUCCESS);
}
