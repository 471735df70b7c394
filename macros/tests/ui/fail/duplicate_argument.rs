//! The error is at the second one, whatever its value.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[gort::main(processors = 2, stack_size = 65536, processors = 2)]
async fn main() {}
