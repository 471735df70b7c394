//! Every output that a plain `main` may have becomes the exit status.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

use std::process::ExitCode;

#[gort::main]
async fn ok() -> Result<(), Box<dyn std::error::Error>> {
    let number: u32 = "2".parse()?;
    assert_eq!(number, 2);
    Ok(())
}

#[gort::main]
async fn err() -> Result<(), Box<dyn std::error::Error>> {
    let _: u32 = "two".parse()?;
    Ok(())
}

#[gort::main]
fn code() -> ExitCode {
    ExitCode::from(3)
}

#[gort::main]
fn never() -> ! {
    std::process::exit(0)
}

fn main() {
    assert_eq!(ok(), ExitCode::SUCCESS);
    assert_eq!(err(), ExitCode::FAILURE);
    assert_eq!(code(), ExitCode::from(3));
    never();
}
