//! Each wrong value has its own error, in one compilation.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[gort::main(processors = "2", stack_size = 64.0)]
async fn main() {}

#[gort::main(processors = -1, stack_size = SIZE)]
async fn negative_and_name() {}

#[gort::main(processors = 2 * 2, stack_size = 64 - 1)]
async fn operators() {}

#[gort::main(processors = 2u8, stack_size = 1 << 64)]
async fn too_small_and_too_large() {}
