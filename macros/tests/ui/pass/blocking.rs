//! A `main` without `async`, and names of the user that an expansion might have taken.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

/// The body sees this one.
fn body() -> u32 {
    1
}

#[gort::main]
fn main() {
    #![allow(unused_variables)]
    let unused = 0;
    assert_eq!(body(), 1);
}
