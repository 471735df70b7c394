//! Random operations, compared with a `BTreeMap`.

use super::*;
use std::collections::BTreeMap;

struct Model {
    timers: Timers,
    log: Log,
    /// Deadline and number to key and id.
    live: BTreeMap<(u64, u32), (Key, u32)>,
    gone: Vec<Key>,
    added: u32,
    now: u64,
}

impl Model {
    fn next(&self) -> u64 {
        self.live.keys().next().map_or(u64::MAX, |&(when, _)| when)
    }

    fn any(&self, random: &mut Random) -> Option<(u64, u32)> {
        let nth = random.below(self.live.len().max(1) as u64) as usize;
        self.live.keys().nth(nth).copied()
    }

    fn add(&mut self, when: u64) {
        self.added += 1;
        let (before, real) = (self.timers.next_when(), self.next());
        let (key, earliest) = self.timers.add(when, self.log.waker(self.added));
        assert_eq!(earliest, when < before);
        assert!(earliest || when >= real.min(before));
        self.live.insert((when, self.added), (key, self.added));
    }

    fn cancel(&mut self, random: &mut Random) {
        if let Some(at) = self.any(random) {
            let (key, id) = self.live.remove(&at).expect("chosen from it");
            self.timers.cancel(key).expect("live").wake();
            assert_eq!(self.log.take(), [id]);
            self.gone.push(key);
        }
    }

    fn update(&mut self, random: &mut Random) {
        if let Some(at) = self.any(random) {
            self.added += 1;
            let timer = self.live.get_mut(&at).expect("chosen from it");
            timer.1 = self.added;
            assert!(self.timers.update(timer.0, &self.log.waker(self.added)));
        }
    }

    fn run(&mut self, by: u64) {
        self.now += by;
        let later = self.live.split_off(&(self.now + 1, 0));
        let due = std::mem::replace(&mut self.live, later);
        let next = run(&self.timers, self.now);
        assert!(self.log.take().into_iter().eq(due.values().map(|&(_, id)| id)));
        assert!(self.now < next && next <= self.next());
        self.gone.extend(due.into_values().map(|(key, _)| key));
    }

    fn stale(&mut self, random: &mut Random) {
        if !self.gone.is_empty() {
            let key = self.gone[random.below(self.gone.len() as u64) as usize];
            assert!(self.timers.cancel(key).is_none());
            assert!(!self.timers.update(key, Waker::noop()));
        }
    }

    fn settle(&mut self) {
        let mut told = self.timers.earliest();
        for _ in 0..1000 {
            if told == self.next() {
                break;
            }
            assert!(told < self.next());
            told = self.timers.earliest();
        }
        assert_eq!(told, self.next());
    }
}

#[test]
fn random_operations_agree_with_a_map() {
    let mut random = Random::new("random_operations_agree_with_a_map");
    // Adds out of ten operations: few timers, many, and a crowd at few deadlines.
    for (adds, spread) in [(3, 1000), (5, 1_000_000), (6, 10), (4, 20)] {
        let mut model = Model {
            timers: Timers::new(),
            log: Log::default(),
            live: BTreeMap::new(),
            gone: Vec::new(),
            added: 0,
            now: 0,
        };
        for _ in 0..10_000 {
            match random.below(10) {
                op if op < adds => {
                    let when = model.now + random.below(spread);
                    model.add(when);
                }
                9 => match random.below(4) {
                    0 => model.run(random.below(spread / 4)),
                    1 => model.settle(),
                    2 => model.stale(&mut random),
                    _ => model.update(&mut random),
                },
                _ => model.cancel(&mut random),
            }
            assert_eq!(model.timers.len(), model.live.len());
            assert!(model.timers.next_when() <= model.next(), "never late");
        }
        model.run(spread);
        assert_eq!((model.timers.len(), model.timers.next_when()), (0, u64::MAX));
    }
}
