//! That the sanitizers see through stack switches: what is wrong on a goroutine's stack is reported, and what is right
//! is not. Empty without one; ci/asan.sh and ci/tsan.sh run it.
#![cfg(any(gort_asan, gort_tsan))]

mod support;

use std::hint::black_box;

use gort::Wait;
use gort::task::yield_now;
use support::{is_child, run_child};

/// Runs `body` in a child process of the test `name`, and returns all that it wrote.
fn says(name: &str, body: impl FnOnce()) -> Option<String> {
    if is_child(name) {
        body();
        return None;
    }
    let output = run_child(name, &[("GOMAXPROCS", "2")]);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Some(text(&output.stdout) + &text(&output.stderr))
}

#[cfg(gort_asan)]
mod address {
    use super::*;

    /// Two waits: one before, so that the goroutine has been away, and one between what is done and what is seen.
    fn on_a_goroutine(body: impl FnOnce() + Send + 'static) {
        gort::go(|| {
            yield_now().wait();
            body();
        })
        .wait()
        .unwrap();
    }

    #[test]
    fn a_dead_box_is_seen() {
        let said = says("address::a_dead_box_is_seen", || {
            on_a_goroutine(|| {
                let dead = black_box(&raw const *Box::new(7));
                yield_now().wait();
                // SAFETY: none: that is what the sanitizer is to say.
                black_box(unsafe { dead.read_volatile() });
            });
        });
        if let Some(said) = said {
            assert!(said.contains("heap-use-after-free"), "{said}");
        }
    }

    /// The report says that it is the stack, and whose frame: the sanitizer knows the stack's bounds.
    #[test]
    fn the_end_of_a_local_is_seen() {
        let said = says("address::the_end_of_a_local_is_seen", || {
            on_a_goroutine(|| {
                let words = black_box([7_u64; 4]);
                yield_now().wait();
                // SAFETY: as above.
                black_box(unsafe { words.as_ptr().add(black_box(4)).read_volatile() });
            });
        });
        if let Some(said) = said {
            assert!(said.contains("stack-buffer-overflow"), "{said}");
            assert!(said.contains("is located in stack of thread"), "{said}");
        }
    }

    /// A frame of its own kind for each level, with room around what may not be touched.
    #[inline(never)]
    fn descend(levels: usize, at_the_bottom: fn()) -> usize {
        let words = black_box([levels; 24]);
        let bytes = black_box([levels as u8; 13]);
        if levels == 0 {
            at_the_bottom();
            return 0;
        }
        descend(levels - 1, at_the_bottom) + words[levels % 24] + usize::from(bytes[levels % 13])
    }

    /// Frames that an unwinding panic has left, and those of a goroutine that has ended, do not make others trip.
    #[test]
    fn old_frames_are_forgotten() {
        let said = says("address::old_frames_are_forgotten", || {
            for round in 0..200 {
                on_a_goroutine(move || {
                    let unwound = std::panic::catch_unwind(|| {
                        descend(20 + round % 7, || {
                            yield_now().wait();
                            std::panic::resume_unwind(Box::new(()));
                        })
                    });
                    assert!(unwound.is_err());
                    descend(25 - round % 5, || yield_now().wait());
                });
                let task = gort::spawn(async move { descend(round % 9, || yield_now().wait()) });
                task.wait().unwrap();
            }
        });
        if let Some(said) = said {
            assert!(said.contains("1 passed"), "{said}");
            assert!(!said.contains("AddressSanitizer"), "{said}");
            assert!(!said.contains("__asan_handle_no_return"), "{said}");
        }
    }
}

#[cfg(gort_tsan)]
mod thread {
    use std::cell::{Cell, UnsafeCell};
    use std::rc::Rc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use gort::task::spawn_local;

    use super::*;

    struct Unguarded(UnsafeCell<usize>);

    // SAFETY: none: that is what the sanitizer is to say.
    unsafe impl Sync for Unguarded {}

    static WORD: Unguarded = Unguarded(UnsafeCell::new(0));
    static STARTED: AtomicUsize = AtomicUsize::new(0);

    #[inline(never)]
    fn adds_without_a_lock() {
        STARTED.fetch_add(1, Relaxed);
        // Both run, on a thread each, for neither waits.
        while STARTED.load(Relaxed) < 2 {
            std::thread::yield_now();
        }
        // Of two accesses at the very same moment the sanitizer may miss one: so let there be as many as are written here.
        for _ in 0..1_000 {
            // SAFETY: as above.
            unsafe { *black_box(WORD.0.get()) += 1 };
        }
    }

    #[test]
    fn a_race_of_goroutines_is_seen() {
        let said = says("thread::a_race_of_goroutines_is_seen", || {
            let both = [gort::go(adds_without_a_lock), gort::go(adds_without_a_lock)];
            for one in both {
                one.wait().unwrap();
            }
        });
        if let Some(said) = said {
            assert!(said.contains("data race"), "{said}");
            assert!(said.contains("adds_without_a_lock"), "{said}");
        }
    }

    #[inline(never)]
    fn adds_on_its_thread(cell: &Cell<usize>) {
        cell.set(cell.get() + 1);
    }

    /// Goroutines and tasks of one thread share what they like. The report of a std that is not built for the sanitizer
    /// is none of this test's business.
    #[test]
    fn one_thread_has_no_races() {
        let said = says("thread::one_thread_has_no_races", || {
            let goroutine = gort::go(|| {
                let cell = Rc::new(Cell::new(0));
                let local = |_| {
                    let cell = cell.clone();
                    spawn_local(async move {
                        for _ in 0..100 {
                            adds_on_its_thread(&cell);
                            yield_now().wait();
                            adds_on_its_thread(&cell);
                            yield_now().await;
                        }
                    })
                };
                let locals: Vec<_> = (0..10).map(local).collect();
                locals.into_iter().for_each(|local| local.wait().unwrap());
                cell.get()
            });
            assert_eq!(goroutine.wait().unwrap(), 2_000);
        });
        if let Some(said) = said {
            assert!(said.contains("1 passed"), "{said}");
            assert!(!said.contains("adds_on_its_thread"), "{said}");
        }
    }
}
