//! Both arguments, in either order, with a comma at the end, and as an expression.

#[path = "../../stub/mod.rs"]
mod stub;
extern crate self as gort;
pub(crate) use stub::*;

#[gort::main(processors = 2, stack_size = 65536)]
async fn first() {}

#[gort::main(stack_size = 64 * 1024, processors = 2,)]
async fn second() {}

#[gort::main(stack_size = (1 << 15) + 0x1000, processors = 1_000usize)]
fn third() {}

macro_rules! with_processors {
    ($number:literal) => {
        #[gort::main(processors = $number)]
        fn fourth() {}
    };
}
with_processors!(8);

fn main() {
    for entry in [first, second, third, fourth] {
        assert_eq!(entry(), std::process::ExitCode::SUCCESS);
    }
}
