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
    let given: Vec<_> = __private::MAINS.lock().unwrap().iter().map(|o| (o.processors, o.stack_size)).collect();
    let wanted = [
        (Some(2), Some(65_536)),
        (Some(2), Some(65_536)),
        (Some(1000), Some(32_768 + 4096)),
        (Some(8), None),
    ];
    assert_eq!(given, wanted);
}
