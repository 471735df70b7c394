//! Attributes, documentation and visibility stay with the function.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[deny(missing_docs, unused_variables)]
pub mod entry {
    //! A module, so that visibility matters.

    /// Runs.
    #[gort::main]
    #[allow(unused_variables)]
    pub async fn run() {
        let unused = 0;
    }

    #[gort::main]
    #[cfg(any())]
    pub async fn absent() {}
}

fn main() {
    entry::run();
}
