//! `#[gort::test]` under the real test harness: what it hands on, and the attributes and outputs it keeps.

mod stub;
extern crate self as gort;
pub(crate) use stub::*;

use gort::__private::{Options, TESTS};

/// What `test` was given by the test at `path`, which is this crate's.
fn options_of(path: &str) -> Options {
    let tests = TESTS.lock().unwrap();
    tests
        .iter()
        .find(|(given, _)| *given == path)
        .unwrap_or_else(|| panic!("{path} is not in {tests:?}"))
        .1
}

#[gort::test]
async fn without_arguments() {
    let options = options_of("test_attribute::without_arguments");
    assert_eq!(
        options,
        Options {
            processors: None,
            stack_size: None
        }
    );
}

#[gort::test(stack_size = 64 * 1024, processors = 2)]
fn with_arguments() {
    let options = options_of("test_attribute::with_arguments");
    assert_eq!(
        options,
        Options {
            processors: Some(2),
            stack_size: Some(65536)
        }
    );
}

mod module {
    #[gort::test]
    async fn path() {
        super::options_of("test_attribute::module::path");
    }

    #[gort::test]
    async fn r#match() {
        super::options_of("test_attribute::module::r#match");
    }
}

#[gort::test]
async fn the_future_is_not_send() {
    let count = std::rc::Rc::new(1);
    async {}.await;
    assert_eq!(*count, 1);
}

#[gort::test]
async fn ok() -> Result<(), Box<dyn std::error::Error>> {
    let number: u32 = "2".parse()?;
    assert_eq!(number, 2);
    Ok(())
}

#[gort::test]
#[should_panic(expected = "on purpose")]
async fn panics() {
    panic!("on purpose");
}

#[gort::test]
#[should_panic]
#[allow(clippy::unused_unit, reason = "this way to write it is what is tested")]
fn panics_with_an_explicit_unit() -> () {
    panic!("on purpose");
}

#[gort::test]
#[ignore = "shows that the attribute is kept"]
async fn ignored() {
    panic!("#[ignore] was lost");
}
