//! An async `main` whose future is not Send.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[gort::main]
async fn main() {
    let count = std::rc::Rc::new(1);
    async {}.await;
    assert_eq!(*count, 1);
}
