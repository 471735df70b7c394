//! What the attributes accept, and where their errors point.
//!
//! The expected errors are those of this crate only: rustc's own wording changes with its version.
//! After a wanted change of a message: `TRYBUILD=overwrite cargo test -p gort-macros --test ui`, and read the diff.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
