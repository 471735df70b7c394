//! A name on its own, without its number, and in parentheses.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[gort::main(processors)]
async fn main() {}

#[gort::main(processors =)]
async fn no_number() {}

#[gort::main(processors(2))]
async fn parentheses() {}

#[gort::main(2)]
async fn no_name() {}
