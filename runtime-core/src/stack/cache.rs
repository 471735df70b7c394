//! A P's own free stacks (Go: proc.go gfget, gfput). Called by the M that holds the P, on g0; nobody else
//! may touch it. The stack used last, still in the processor's cache, is the first to be used again.

use super::{Class, Stack, pool};
use std::cell::Cell;
use std::io;

/// How many stacks move at once between a P and the global lists. With twice as many a P gives half back,
/// as Go does at 64.
pub(super) const BATCH: usize = 32;

/// Free stacks, linked through their `Top`s; the last one pushed is the first popped.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    first: Option<Stack>,
    len: usize,
}

impl Chain {
    pub(super) const EMPTY: Chain = Chain { first: None, len: 0 };

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// # Safety
    /// The caller owns the stack and gives it to the chain.
    #[inline]
    pub(super) unsafe fn push(&mut self, stack: Stack) {
        // SAFETY: by the contract.
        unsafe { stack.top() }.next.set(self.first);
        self.first = Some(stack);
        self.len += 1;
    }

    /// # Safety
    /// This copy of the chain is the one that owns its stacks.
    #[inline]
    pub(super) unsafe fn pop(&mut self) -> Option<Stack> {
        let stack = self.first?;
        // SAFETY: the chain owns it, by the contract.
        self.first = unsafe { stack.top() }.next.get();
        self.len -= 1;
        Some(stack)
    }
}

/// One class's free stacks of a P: at most [`BATCH`] - 1 hot ones, and none or exactly [`BATCH`] cold ones
/// that are given back whole. So no list is ever walked to cut it, and those that leave are the oldest.
struct List {
    hot: Cell<Chain>,
    cold: Cell<Chain>,
}

/// The free stacks of one P. For whoever holds the P, and no one else.
pub struct Cache {
    lists: [List; Class::POOLED],
}

impl Default for Cache {
    fn default() -> Cache {
        Cache::new()
    }
}

impl Cache {
    /// A cache without stacks.
    pub const fn new() -> Cache {
        Cache {
            lists: [const {
                List {
                    hot: Cell::new(Chain::EMPTY),
                    cold: Cell::new(Chain::EMPTY),
                }
            }; Class::POOLED],
        }
    }

    /// A stack of this class: the last one put, or one of at most 32 taken from the global list at once, or a
    /// fresh one. As from [`alloc`](super::alloc) otherwise.
    ///
    /// # Errors
    /// As [`alloc`](super::alloc).
    #[inline]
    pub fn get(&self, class: Class) -> io::Result<Stack> {
        if let Some(list) = self.lists.get(class.index()) {
            let mut hot = list.hot.get();
            // SAFETY: `hot` is written back, so it is the owner of its stacks.
            if let Some(stack) = unsafe { hot.pop() } {
                list.hot.set(hot);
                return Ok(stack);
            }
            return Self::refill(list, class);
        }
        pool::alloc(class)
    }

    #[cold]
    fn refill(list: &List, class: Class) -> io::Result<Stack> {
        let mut chain = list.cold.replace(Chain::EMPTY);
        if chain.len() == 0 {
            chain = pool::take_batch(class);
        }
        // SAFETY: the cell was emptied or the batch is ours; `hot` gets what is left.
        let stack = unsafe { chain.pop() };
        list.hot.set(chain);
        stack.map_or_else(|| pool::fresh(class), Ok)
    }

    /// Keeps a stack for the next [`get`](Self::get).
    ///
    /// # Safety
    /// As for [`free`](super::free).
    #[inline]
    pub unsafe fn put(&self, stack: Stack) {
        let Some(list) = self.lists.get(stack.class().index()) else {
            // SAFETY: the caller's promise.
            return unsafe { pool::free(stack) };
        };
        let mut hot = list.hot.get();
        // SAFETY: the caller owns the stack and gives it up; `hot` is written back or kept as `cold`.
        unsafe { hot.push(stack) };
        if hot.len() < BATCH {
            list.hot.set(hot);
        } else {
            Self::spill(list, stack.class(), hot);
        }
    }

    #[cold]
    fn spill(list: &List, class: Class, full: Chain) {
        list.hot.set(Chain::EMPTY);
        let oldest = list.cold.replace(full);
        if oldest.len() > 0 {
            pool::give_batch(class, oldest);
        }
    }

    /// Takes every stack out, into a cache that gives them back when it is dropped.
    #[must_use]
    pub fn take(&self) -> Cache {
        let taken = Cache::new();
        for (from, to) in self.lists.iter().zip(&taken.lists) {
            to.hot.set(from.hot.replace(Chain::EMPTY));
            to.cold.set(from.cold.replace(Chain::EMPTY));
        }
        taken
    }

    /// Gives every stack back, for anyone to take. Returns how many there were.
    pub fn flush(&self) -> usize {
        let mut flushed = 0;
        for (index, list) in self.lists.iter().enumerate() {
            for chain in [&list.hot, &list.cold] {
                let chain = chain.replace(Chain::EMPTY);
                if chain.len() > 0 {
                    flushed += chain.len();
                    pool::give_batch(Class::pooled(index), chain);
                }
            }
        }
        flushed
    }

    /// How many stacks of this class are kept here.
    pub fn len(&self, class: Class) -> usize {
        self.lists
            .get(class.index())
            .map_or(0, |list| list.hot.get().len() + list.cold.get().len())
    }

    /// Whether no stack is kept here.
    pub fn is_empty(&self) -> bool {
        (0..Class::POOLED).all(|index| self.len(Class::pooled(index)) == 0)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.flush();
    }
}
