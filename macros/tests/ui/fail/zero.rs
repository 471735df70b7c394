//! Nothing runs on no processor or on no stack.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[gort::main(processors = 0, stack_size = 64 * 0)]
async fn main() {}
