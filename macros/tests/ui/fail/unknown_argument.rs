//! The error is at the argument, and says which there are.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[gort::main(processors = 2, threads = 4)]
async fn main() {}
