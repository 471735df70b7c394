//! What actors do: one file a verb, one line in [`VERBS`].
//!
//! A verb is an async function. It awaits, and in places it waits: on a goroutine, on a foreign thread and in a task's
//! poll alike. It may be dropped at any of its awaits (`cancel` does that), so what must come to its end is in a child
//! of its own.

mod accepts;
mod block;
mod blocking;
mod burn;
mod cancel;
mod chain;
mod dump;
mod echo;
mod family;
mod foreign;
mod local;
mod metrics;
mod nested;
pub(crate) mod panics;
mod spawn;
mod stacks;
mod timers;
mod yields;

use std::pin::Pin;

use crate::actor::DEEPEST;
use crate::books::Book;
use crate::random::Random;
use crate::world::world;

type Act = for<'a> fn(&'a mut Random, u32) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

pub(crate) struct Verb {
    pub(crate) book: Book,
    /// How often it is picked, compared with the others.
    weight: usize,
    /// Whether it does other verbs: such go no deeper than [`DEEPEST`].
    inner: Inner,
    act: Act,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inner {
    None,
    Verbs,
}

macro_rules! verb {
    ($module:ident, $weight:expr, $inner:ident) => {
        Verb {
            book: Book::of_futures(stringify!($module)),
            weight: $weight,
            inner: Inner::$inner,
            act: |random, depth| Box::pin($module::act(random, depth)),
        }
    };
}

pub(crate) static VERBS: [Verb; 18] = [
    verb!(spawn, 10, None),
    verb!(yields, 20, None),
    verb!(timers, 20, None),
    verb!(foreign, 20, None),
    verb!(local, 10, None),
    verb!(chain, 6, None),
    verb!(stacks, 8, None),
    verb!(panics, 8, None),
    verb!(echo, 12, None),
    verb!(accepts, 3, None),
    verb!(block, 3, None),
    verb!(blocking, 8, None),
    verb!(burn, 2, None),
    verb!(dump, 1, None),
    verb!(metrics, 4, None),
    verb!(nested, 12, Verbs),
    verb!(family, 12, Verbs),
    verb!(cancel, 12, Verbs),
];

/// Does one verb.
pub(crate) async fn any(random: &mut Random, depth: u32) {
    let verb = pick(random, depth);
    let entry = verb.book.open();
    (verb.act)(random, depth).await;
    entry.done();
}

fn pick(random: &mut Random, depth: u32) -> &'static Verb {
    let deeper = depth < DEEPEST && world().has_room();
    let may = |verb: &&Verb| deeper || verb.inner == Inner::None;
    let total: usize = VERBS.iter().filter(may).map(|verb| verb.weight).sum();
    let mut left = random.below(total);
    for verb in VERBS.iter().filter(may) {
        if left < verb.weight {
            return verb;
        }
        left -= verb.weight;
    }
    unreachable!("less than the sum of all weights")
}
