//! Stacks: guards, reuse, the scavenger's choice. Bodies that count what is free in the whole process run in a
//! child (tests/child).

use gort_runtime_core::stack::{self, Cache, Class, Scavenged, Stack};
use gort_runtime_core::sys::{self, mem};
use probe::{assert_guarded, free, put, scavenge, touch, touched};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

mod child;
mod probe;

const KIB: usize = 1024;
/// A class that only the test that names it uses, so that it sees no other test's stacks.
const CLASS_OF_LIFO: Class = Class::for_size(64 * KIB);
const CLASS_OF_STRESS: Class = Class::for_size(512 * KIB);

/// Counts what enters the global allocator, by thread.
struct Counting;

thread_local! {
    static ENTERED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all of it is System's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ENTERED.set(ENTERED.get() + 1);
        // SAFETY: passed on as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ENTERED.set(ENTERED.get() + 1);
        // SAFETY: passed on as it came.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

#[test]
fn a_stack_is_aligned_guarded_below_and_usable_to_its_top() {
    for size in [32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 65536].map(|kib| kib * KIB) {
        let class = Class::for_size(size);
        let stack = stack::alloc(class).unwrap();
        assert_eq!(stack.class(), class);
        assert!(stack.initial_sp().is_multiple_of(16));
        assert_eq!(stack.initial_sp(), stack.hi());
        assert!(stack.guard().start.is_multiple_of(size));
        assert_eq!(stack.guard().start + size, stack.hi() + 64);
        assert_guarded(stack);
        touch(stack, 1);
        assert_eq!(touched(stack), 1);
        free(stack);
    }
}

#[test]
fn a_larger_stack_than_is_kept_is_unmapped_when_free() {
    child::isolated("a_larger_stack_than_is_kept_is_unmapped_when_free", || {
        let cache = Cache::new();
        for free in [free as fn(Stack), |stack| put(&Cache::new(), stack)] {
            let stack = cache.get(Class::for_size(8192 * KIB)).unwrap();
            touch(stack, 1);
            free(stack);
            assert!(mem::is_guarded(stack.initial_sp() - 8));
        }
        assert!(cache.is_empty());
    });
}

#[test]
fn the_last_stack_put_is_the_first_got() {
    let cache = Cache::new();
    let (a, b) = (
        cache.get(CLASS_OF_LIFO).unwrap(),
        cache.get(CLASS_OF_LIFO).unwrap(),
    );
    assert!(a != b);
    put(&cache, a);
    put(&cache, b);
    assert_eq!(cache.get(CLASS_OF_LIFO).unwrap(), b);
    assert_eq!(cache.get(CLASS_OF_LIFO).unwrap(), a);
    put(&cache, a);
    assert_eq!(cache.get(CLASS_OF_LIFO).unwrap(), a);
    put(&cache, a);
    put(&cache, b);
}

#[test]
fn a_cache_spills_at_64_to_32_and_refills_to_32() {
    child::isolated("a_cache_spills_at_64_to_32_and_refills_to_32", || {
        let class = Class::GOROUTINE;
        let (one, other) = (Cache::new(), Cache::new());
        // Nothing is free: a refill makes one stack, not 32.
        let mut stacks: Vec<Stack> = (0..64).map(|_| one.get(class).unwrap()).collect();
        assert_eq!(one.len(class), 0);
        for (n, stack) in stacks.iter().enumerate().take(63) {
            put(&one, *stack);
            assert_eq!(one.len(class), n + 1);
        }
        put(&one, stacks[63]);
        assert_eq!(one.len(class), 32);
        // The 32 that stayed are the last put, the last one first.
        for stack in stacks[32..].iter().rev() {
            assert_eq!(one.get(class).unwrap(), *stack);
        }
        // The others take a batch from the global list.
        let first = other.get(class).unwrap();
        assert_eq!(other.len(class), 31);
        assert!(stacks[..32].contains(&first));
        // Then nothing is free again.
        let fresh = one.get(class).unwrap();
        assert_eq!(one.len(class), 0);
        assert!(!stacks.contains(&fresh));
        stacks.push(fresh);
        put(&other, first);
        // A refill takes what is free, even if it is less than a batch.
        for stack in &stacks[32..37] {
            free(*stack);
        }
        assert!(stacks[32..37].contains(&one.get(class).unwrap()));
        assert_eq!(one.len(class), 4);
        one.flush();
        assert!(one.is_empty());
        // A dropped cache gives back what it had: 32 now, beside the 4.
        drop(other);
        one.get(class).unwrap();
        assert_eq!(one.len(class), 31);
    });
}

#[test]
fn the_scavenger_leaves_alone_what_is_used_cached_or_not_idle_long_enough() {
    const TEST: &str = "the_scavenger_leaves_alone_what_is_used_cached_or_not_idle_long_enough";
    child::isolated(TEST, || {
        const HOUR: u64 = 3_600_000_000_000;
        let class = Class::GOROUTINE;
        let cache = Cache::new();
        // Three chunks of 8.
        let mut stacks: Vec<Stack> = (0..24).map(|_| stack::alloc(class).unwrap()).collect();
        stacks.sort_by_key(|stack| stack.hi());
        for (n, stack) in stacks.iter().enumerate() {
            touch(*stack, n as u64);
        }
        let used = stacks[3];
        let cached = stacks[12];
        for stack in &stacks {
            if *stack == cached {
                put(&cache, *stack);
            } else if *stack != used {
                free(*stack);
            }
        }
        assert_eq!(scavenge(HOUR), 0);
        let page = sys::page_size();
        assert_eq!(scavenge(0), 8 * page);
        assert_eq!((touched(used), touched(cached)), (3, 12));
        assert_guarded(used);
        assert_guarded(cached);
        assert_eq!(scavenge(0), 0);
        // The emptied slots are guarded again when they are used again, which is last.
        let again: Vec<Stack> = (0..22).map(|_| stack::alloc(class).unwrap()).collect();
        assert!(again.iter().all(|stack| stacks.contains(stack)));
        assert!(again[..14].iter().all(|stack| stack.hi() < stacks[16].hi()));
        again.iter().for_each(|stack| assert_guarded(*stack));
        // Above 2 MiB the slot is the chunk.
        let large = stack::alloc(Class::for_size(4096 * KIB)).unwrap();
        touch(large, 1);
        free(large);
        assert_eq!(scavenge(0), page);
        let large_again = stack::alloc(Class::for_size(4096 * KIB)).unwrap();
        assert_eq!((large_again, touched(large_again)), (large, 0));
        assert_guarded(large_again);
    });
}

#[test]
fn the_scavenger_goes_chunk_by_chunk_and_stops_when_its_time_is_up() {
    const TEST: &str = "the_scavenger_goes_chunk_by_chunk_and_stops_when_its_time_is_up";
    child::isolated(TEST, || {
        const CHUNKS: usize = 3;
        let class = Class::TASK;
        let stacks: Vec<Stack> = (0..CHUNKS).map(|_| stack::alloc(class).unwrap()).collect();
        for stack in &stacks {
            touch(*stack, 7);
            free(*stack);
        }
        let bytes = sys::page_size();
        for _ in 0..CHUNKS {
            assert_eq!(stack::scavenge(0, 0), Scavenged { bytes, more: true });
        }
        assert_eq!(
            stack::scavenge(0, 0),
            Scavenged {
                bytes: 0,
                more: false
            }
        );
    });
}

#[test]
fn free_stacks_of_the_fullest_chunk_are_taken_first() {
    child::isolated("free_stacks_of_the_fullest_chunk_are_taken_first", || {
        let class = Class::GOROUTINE;
        let mut stacks: Vec<Stack> = (0..24).map(|_| stack::alloc(class).unwrap()).collect();
        stacks.sort_by_key(|stack| stack.hi());
        let (first, rest) = stacks.split_at(8);
        let (second, third) = rest.split_at(8);
        // 5 of the first are free, 2 of the second, all of the third: idle.
        let to_free = first[..5].iter().chain(&second[..2]).chain(third);
        to_free.for_each(|stack| free(*stack));
        let again: Vec<Stack> = (0..15).map(|_| stack::alloc(class).unwrap()).collect();
        assert!(again[..2].iter().all(|stack| second.contains(stack)));
        assert!(again[2..7].iter().all(|stack| first.contains(stack)));
        assert!(again[7..].iter().all(|stack| third.contains(stack)));
    });
}

#[test]
fn a_stack_freed_twice_is_fatal() {
    const TEST: &str = "a_stack_freed_twice_is_fatal";
    if child::scenario().is_some() {
        child::no_core();
        let stack = stack::alloc(Class::MIN).unwrap();
        free(stack);
        free(stack);
        return;
    }
    let left = child::run(TEST, "twice");
    assert!(
        left.err.contains("fatal error: stack: a stack was freed twice\n"),
        "{}",
        left.err
    );
    assert!(!left.status.success());
}

#[test]
fn threads_and_the_scavenger_never_share_a_stack() {
    const THREADS: u64 = 3;
    const ROUNDS: u64 = 3_000;
    const HELD: usize = 70;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=THREADS)
            .map(|id| {
                scope.spawn(move || {
                    let cache = Cache::new();
                    let mut held: Vec<(Stack, u64)> = Vec::new();
                    for round in 0..ROUNDS {
                        // Grows to HELD and shrinks to none, again and again, in uneven steps.
                        let wanted = (round * 7 % (2 * HELD as u64)) as usize % (HELD + 1);
                        while held.len() < wanted {
                            let stack = cache.get(CLASS_OF_STRESS).unwrap();
                            let mark = id << 32 | round;
                            touch(stack, mark);
                            held.push((stack, mark));
                        }
                        while held.len() > wanted {
                            let (stack, mark) = held.swap_remove(round as usize % held.len());
                            assert_eq!(touched(stack), mark);
                            if round % 5 == 0 {
                                free(stack)
                            } else {
                                put(&cache, stack)
                            }
                        }
                        if let Some((stack, _)) = held.last() {
                            assert!(mem::is_guarded(stack.guard().start));
                        }
                        if round % 64 == 0 {
                            cache.flush();
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                scavenge(0);
                sys::usleep(100);
            }
        });
        let ends: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::Relaxed);
        ends.into_iter().for_each(|end| end.unwrap());
    });
}

#[test]
fn nothing_enters_the_global_allocator() {
    extern "C" fn body(_: *mut libc::c_void) -> *mut libc::c_void {
        std::ptr::null_mut()
    }
    // Not the first, which may set up what is std's own.
    for _ in 0..2 {
        let cache = Cache::new();
        let before = ENTERED.get();
        for class in [Class::MIN, Class::TASK, Class::for_size(8192 * KIB)] {
            let mut stacks = [None; 70];
            for stack in &mut stacks {
                *stack = Some(cache.get(class).unwrap());
            }
            stacks.into_iter().flatten().for_each(|stack| put(&cache, stack));
            free(stack::alloc(class).unwrap());
        }
        cache.flush();
        scavenge(0);
        let error = mem::reserve(1 << 50, 4096).unwrap_err();
        assert!(sys::context(&error).is_some());
        drop(error);
        drop(sys::minit_signals(&sys::msigsave()).unwrap());
        sys::stack_bounds().unwrap();
        sys::spawn_thread(c"test", 0, body, std::ptr::null_mut()).unwrap();
        sys::cgroup_cpu_limit().unwrap();
        sys::huge_page_size();
        sys::ncpu_affinity(0);
        sys::auxv();
        assert_eq!(ENTERED.get(), before);
    }
}
