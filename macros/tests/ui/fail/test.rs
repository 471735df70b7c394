//! `#[gort::test]` names itself in its errors. A build without the test harness sees them too.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[gort::test(cores = 2)]
async fn unknown_argument() {}

#[gort::test]
#[test]
fn twice() {}

#[gort::test]
fn arguments(number: u32) {}

fn main() {}
