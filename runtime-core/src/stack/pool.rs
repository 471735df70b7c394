//! Stacks by class, global: the way from an arena's slots to stacks and back. Called by `cache` for a P,
//! by the scheduler without one (ARCHITECTURE.md, rule 4) and by `Builder`. A lock is held only to count and, once
//! in thousands of stacks, to reserve a region (some 15 us); guards are installed and pages touched outside of it.

use super::arena::Arena;
use super::cache::{BATCH, Chain};
use super::guard::{self, Guard};
use super::top::NO_CHUNK;
use super::{Class, Stack, valgrind};
use crate::lock::{self, Lock, Rank};
use crate::sys::{mem, nanotime};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// A pooled class's arena. On cache lines of its own: the classes' locks are unrelated.
#[repr(align(64))]
struct Locked(Lock<Arena>);

static ARENAS: [Locked; Class::POOLED] = {
    const fn arena(index: usize) -> Locked {
        Locked(Lock::new(Rank::Stacks, Arena::new(Class::pooled(index))))
    }
    [
        arena(0),
        arena(1),
        arena(2),
        arena(3),
        arena(4),
        arena(5),
        arena(6),
        arena(7),
    ]
};

/// Set when stacks come back to the arenas, so that the scavenger has something to wait for.
static GIVEN: AtomicBool = AtomicBool::new(false);

/// Whether stacks have come back to the arenas since [`clear_given`].
#[inline]
pub fn given() -> bool {
    GIVEN.load(Ordering::Relaxed)
}

/// Says whether [`given`], and forgets it.
pub fn clear_given() -> bool {
    GIVEN.swap(false, Ordering::Relaxed)
}

/// The arena of a class, locked; `None` for a class that is not pooled.
pub(super) fn arena(class: Class) -> Option<lock::Guard<'static, Arena>> {
    ARENAS.get(class.index()).map(|arena| arena.0.lock())
}

/// A stack of this class: a free one if there is any, else a fresh one.
///
/// Of a free one only what `stack` itself keeps in the `Top` is right; `sched`'s fields are what the last
/// owner left. Those of a fresh one are zero.
///
/// # Errors
/// When no address space is left, or no guard can be had. `sys::context` names which.
pub fn alloc(class: Class) -> io::Result<Stack> {
    let Some(mut arena) = arena(class) else {
        return map_large(class);
    };
    let mut one = [None];
    arena.take_free(&mut one);
    drop(arena);
    match one {
        [Some(stack)] => Ok(stack),
        [None] => fresh(class),
    }
}

/// Whether a free stack of this class waits to be taken: there is no need of a fresh one.
pub fn any_free(class: Class) -> bool {
    arena(class).is_some_and(|arena| arena.has_free())
}

/// How many stacks there are, and how many of them wait in the arenas to be taken. Those that are too large to be kept
/// are not counted.
pub fn counts() -> (usize, usize) {
    let counts = ARENAS.iter().map(|arena| arena.0.lock().counts());
    counts.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
}

/// Gives a stack back, for anyone to take.
///
/// # Safety
/// The caller owns the stack and nothing stands on it. No handle of it is used any more.
pub unsafe fn free(stack: Stack) {
    if stack.class() > Class::LARGEST_POOLED {
        unmap_large(stack);
    } else {
        let mut one = Chain::EMPTY;
        // SAFETY: the caller owns the stack and gives it up.
        unsafe { one.push(stack) };
        give_batch(stack.class(), one);
    }
}

/// Takes free stacks of a pooled class, at most [`BATCH`]; none if there are none.
pub(super) fn take_batch(class: Class) -> Chain {
    let mut stacks = [None; BATCH];
    let taken = arena(class).map_or(0, |mut arena| arena.take_free(&mut stacks));
    let mut chain = Chain::EMPTY;
    // The first taken, of the fullest chunk, are to be used first.
    for stack in stacks[..taken].iter().rev().flatten() {
        // SAFETY: taken from the arena just now: ours.
        unsafe { chain.push(*stack) };
    }
    chain
}

/// Gives free stacks of a pooled class back.
pub(super) fn give_batch(class: Class, mut chain: Chain) {
    let now = nanotime();
    GIVEN.store(true, Ordering::Relaxed);
    // Pairs with the fence in `sched::scavenger`: see there.
    fence(Ordering::SeqCst);
    while chain.len() > 0 {
        // What is read of the stacks themselves, perhaps no longer in cache, is read before locking.
        let mut slots = [None; BATCH];
        for slot in &mut slots {
            // SAFETY: the chain's stacks are ours; popped, each is this loop's.
            *slot = unsafe { chain.pop() }.map(|stack| {
                // SAFETY: as above.
                (unsafe { stack.top() }.chunk, stack.base())
            });
        }
        if let Some(mut arena) = arena(class) {
            for (chunk, base) in slots.into_iter().flatten() {
                arena.give(chunk, base, now);
            }
        }
    }
}

/// A stack in a slot that has none yet. Touches its highest page only.
pub(super) fn fresh(class: Class) -> io::Result<Stack> {
    let Some(slot) = arena(class).map(|mut arena| arena.take_fresh()).transpose()? else {
        return map_large(class);
    };
    // SAFETY: a fresh slot is reserved memory that nobody uses but who took it.
    let guard = unsafe { guard::install(slot.base) };
    if !matches!(guard, Ok(Guard::Region))
        && let Some(mut arena) = arena(class)
    {
        match guard {
            Ok(_) => arena.note_mapped(slot),
            Err(_) => arena.untake_fresh(slot),
        }
    }
    // SAFETY: as above.
    Ok(unsafe { Stack::init(slot.base, class, slot.chunk, guard?) })
}

/// A stack that is a mapping of its own: its class is too large to be kept.
fn map_large(class: Class) -> io::Result<Stack> {
    let base = mem::reserve(class.size(), class.size())?;
    // SAFETY: reserved just now.
    let guard = match unsafe { guard::install(base) } {
        Ok(guard) => guard,
        Err(error) => {
            // SAFETY: nobody has used it.
            let _ = unsafe { mem::release(base, class.size()) };
            return Err(error);
        }
    };
    // SAFETY: reserved just now, and aligned to its size.
    Ok(unsafe { Stack::init(base, class, NO_CHUNK, guard) })
}

fn unmap_large(stack: Stack) {
    let (base, size) = (stack.base(), stack.class().size());
    // SAFETY: its owner gave it up, and it is still mapped.
    let (guard, valgrind) = unsafe { (stack.top().guard, stack.top().valgrind) };
    // SAFETY: the stack is its own mapping, and nobody's any more.
    unsafe {
        valgrind::deregister(valgrind);
        if mem::release(base, size).is_err() {
            // vm.max_map_count is reached: at least its memory can go.
            let _ = mem::dontneed(base, size);
        } else if guard == Guard::Mapping {
            guard::gone(1);
        }
    }
}
