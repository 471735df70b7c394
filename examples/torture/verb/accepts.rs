//! Several accept on one listener and give up now and then. Nobody who connects is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gort::Wait;
use gort::net::{TcpListener, TcpStream};
use gort::time::timeout;

use crate::books::discrepancy;
use crate::child;
use crate::random::Random;
use crate::world::world;

const MOST_ACCEPTORS: usize = 4;
const MOST_CONNECTIONS: usize = 6;

pub(super) async fn act(random: &mut Random, _depth: u32) {
    let connections = 1 + random.below(MOST_CONNECTIONS);
    if !world().may_connect(connections as u64) {
        return;
    }
    let mut theirs = random.fork();
    // Whole, or the acceptors of a verb that is dropped would wait for ever.
    child::task(0, async move { meet(&mut theirs, connections).await })
        .join()
        .await;
}

async fn meet(random: &mut Random, connections: usize) {
    let listener = match TcpListener::bind("127.0.0.1:0").await {
        Ok(listener) => listener,
        Err(error) => return discrepancy(format_args!("bind: {error}")),
    };
    let address = listener.local_addr().expect("it is bound");
    let accepted = Arc::new(AtomicUsize::new(0));
    let mut children = Vec::new();
    for _ in 0..=random.below(MOST_ACCEPTORS) {
        let (listener, accepted) = (listener.try_clone().expect("it never fails"), accepted.clone());
        let theirs = random.fork();
        let body = accept_until(listener, accepted, connections, theirs);
        children.push(if random.one_in(2) {
            child::task(random.next(), body)
        } else {
            child::goroutine(random.next(), || body.wait())
        });
    }
    for _ in 0..connections {
        children.push(child::task(random.next(), async move {
            if let Err(error) = TcpStream::connect(address).await {
                discrepancy(format_args!("connect: {error}"));
            }
        }));
    }
    for child in children {
        child.join().await;
    }
    let accepted = accepted.load(SeqCst);
    if accepted != connections {
        discrepancy(format_args!(
            "{connections} have connected, {accepted} were accepted"
        ));
    }
}

async fn accept_until(listener: TcpListener, accepted: Arc<AtomicUsize>, all: usize, mut random: Random) {
    while accepted.load(SeqCst) < all {
        match timeout(random.micros_below(2_000), listener.accept()).await {
            Ok(Ok(_)) => _ = accepted.fetch_add(1, SeqCst),
            Ok(Err(error)) => discrepancy(format_args!("accept: {error}")),
            Err(_elapsed) => {}
        }
    }
}
