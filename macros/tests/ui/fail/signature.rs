//! What cannot be an entry point is refused at the words that make it so.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[gort::main]
async fn main(address: &str) {}

#[gort::main]
async fn generic<T>() where T: Send {}

#[gort::main]
unsafe fn not_safe() {}

#[gort::main]
const fn constant() {}

#[gort::main]
extern "C" fn foreign() {}
