//! The attribute belongs on a function.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[gort::main]
struct Main;

fn main() {}
