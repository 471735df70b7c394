//! Models of `Pinned` under loom, see ci/loom.sh. The file itself is compiled here, with its list, over Gs whose
//! links are loom's cells: loom reports two accesses to a link that nothing orders.
#![cfg(loom)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the models use a part of what they include"
)]

#[path = "loom/atomic.rs"]
mod atomic;
#[path = "loom/model.rs"]
mod model;

mod g {
    use std::ptr::NonNull;

    pub(crate) struct G {
        pub(crate) number: u32,
        pub(crate) link: loom::cell::Cell<Option<Gp>>,
    }

    #[derive(Clone, Copy)]
    pub(crate) struct Gp(NonNull<G>);

    // SAFETY: a pointer; loom checks how the G is used.
    unsafe impl Send for Gp {}

    impl Gp {
        /// A G that lives as long as the process: a model makes few.
        pub(crate) fn new(number: u32) -> Gp {
            let link = loom::cell::Cell::new(None);
            Gp(NonNull::from(Box::leak(Box::new(G { number, link }))))
        }

        pub(crate) fn from_ptr(g: *mut G) -> Option<Gp> {
            NonNull::new(g).map(Gp)
        }

        pub(crate) fn as_ptr(self) -> *mut G {
            self.0.as_ptr()
        }

        pub(crate) fn g<'a>(self) -> &'a G {
            // SAFETY: `new` leaked it.
            unsafe { self.0.as_ref() }
        }
    }
}

mod queue {
    pub(crate) use crate::list;
}

#[path = "../src/queue/list.rs"]
mod list;
#[path = "../src/queue/pinned.rs"]
mod pinned;

use g::Gp;
use loom::sync::Arc;
use loom::thread;
use model::model;
use pinned::Pinned;

/// The home M: every method is called on its thread.
struct Owner {
    pinned: Arc<Pinned>,
    seen: Vec<u32>,
}

impl Owner {
    fn new() -> Owner {
        Owner {
            pinned: Arc::new(Pinned::new()),
            seen: Vec::new(),
        }
    }

    fn push(&self, number: u32) {
        // SAFETY: this thread alone plays the home M.
        unsafe { self.pinned.push_own(Gp::new(number)) };
    }

    /// False: nothing is there.
    fn pop(&mut self) -> bool {
        // SAFETY: as above.
        let popped = unsafe { self.pinned.pop() };
        self.seen.extend(popped.map(|g| g.g().number));
        popped.is_some()
    }

    /// Joins the pushers, pops the rest and checks that each G came once, those of one pusher in its order.
    fn check<const N: usize>(mut self, handles: [thread::JoinHandle<()>; N], pushers: &[&[u32]]) {
        for handle in handles {
            handle.join().unwrap();
        }
        while self.pop() {}
        let mut sorted = self.seen.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, pushers.concat());
        for pusher in pushers {
            let order: Vec<u32> = self.seen.iter().copied().filter(|g| pusher.contains(g)).collect();
            assert_eq!(order, *pusher);
        }
    }

    fn pusher(&self, numbers: &'static [u32]) -> thread::JoinHandle<()> {
        let pinned = Arc::clone(&self.pinned);
        thread::spawn(move || {
            for &number in numbers {
                pinned.push_remote(Gp::new(number));
            }
        })
    }
}

#[test]
fn two_pushers_and_the_owner() {
    model(3, || {
        let mut owner = Owner::new();
        let pushers = [owner.pusher(&[1, 2]), owner.pusher(&[11])];
        owner.pop();
        owner.pop();
        owner.check(pushers, &[&[1, 2], &[11]]);
    });
}

#[test]
fn the_owner_pushes_too() {
    model(4, || {
        let mut owner = Owner::new();
        let pusher = owner.pusher(&[1, 2]);
        owner.push(11);
        owner.pop();
        owner.push(12);
        owner.pop();
        owner.check([pusher], &[&[1, 2], &[11, 12]]);
    });
}

/// What came before is ahead of what the owner pushes: a G that yields cannot starve those woken from elsewhere.
#[test]
fn an_own_push_goes_behind_what_has_come() {
    model(4, || {
        let mut owner = Owner::new();
        owner.pusher(&[1]).join().unwrap();
        owner.push(2);
        assert!(owner.pop() && owner.pop());
        assert_eq!(owner.seen, [1, 2]);
    });
}
