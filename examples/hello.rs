//! The smallest program: main is a goroutine on the process's first thread, and joins a task and another goroutine.
#![expect(clippy::print_stdout, reason = "it is what the program is for")]

#[gort::main]
async fn main() {
    let task = gort::spawn(async { "hello" });
    let goroutine = gort::go(|| "world");
    println!("{}, {}", task.await.unwrap(), goroutine.await.unwrap());
}
