//! The sizes that stacks come in: powers of two. Chosen by `Builder` and `go`, understood by all of `stack`.

use super::GUARD_SIZE;

/// The size of a stack's slot, guard included, as its power of two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Class(u8);

impl Class {
    /// 32 KiB, half of it guard: the least that a goroutine may have.
    pub const MIN: Class = Class(15);
    /// 256 KiB: what a goroutine has unless it asks.
    pub const GOROUTINE: Class = Class(18);
    /// 2 MiB, as std's threads: what a task is polled on.
    pub const TASK: Class = Class(21);
    /// 1 GiB.
    pub const MAX: Class = Class(30);
    /// The largest class whose stacks are kept for reuse; larger ones are unmapped when they are free.
    pub(super) const LARGEST_POOLED: Class = Class(22);
    /// How many classes are kept for reuse.
    pub(super) const POOLED: usize = (Self::LARGEST_POOLED.0 - Self::MIN.0 + 1) as usize;

    /// The smallest class with slots of at least `bytes`: the next power of two, within 32 KiB and 1 GiB.
    ///
    /// The guard of 16 KiB ([`GUARD_SIZE`]) is part of the size: of 32 KiB, frames may use not quite 16.
    pub const fn for_size(bytes: usize) -> Class {
        if bytes <= Self::MIN.size() {
            Self::MIN
        } else if bytes >= Self::MAX.size() {
            Self::MAX
        } else {
            Class(bytes.next_power_of_two().trailing_zeros() as u8)
        }
    }

    /// Bytes of address space, guard included.
    #[inline]
    pub const fn size(self) -> usize {
        1 << self.0
    }

    /// Whether stacks of this class are kept for reuse, and their memory is never unmapped.
    pub(crate) const fn is_pooled(self) -> bool {
        self.0 <= Self::LARGEST_POOLED.0
    }

    /// The place of a pooled class among the pooled ones; past their number for the others.
    #[inline]
    pub(super) const fn index(self) -> usize {
        (self.0 - Self::MIN.0) as usize
    }

    /// The pooled class with this index.
    pub(super) const fn pooled(index: usize) -> Class {
        assert!(index < Self::POOLED);
        Class(Self::MIN.0 + index as u8)
    }
}

const _: () = assert!(Class::MIN.size() >= 2 * GUARD_SIZE);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_up_to_powers_of_two_within_the_bounds() {
        let cases = [
            (0, 32 << 10),
            (32 << 10, 32 << 10),
            ((32 << 10) + 1, 64 << 10),
            (200_000, 256 << 10),
            (2 << 20, 2 << 20),
            ((4 << 20) + 1, 8 << 20),
            (1 << 30, 1 << 30),
            (usize::MAX, 1 << 30),
        ];
        for (asked, got) in cases {
            assert_eq!(Class::for_size(asked).size(), got, "{asked}");
        }
        assert_eq!(Class::for_size(Class::GOROUTINE.size()), Class::GOROUTINE);
        assert_eq!(Class::for_size(Class::TASK.size()), Class::TASK);
    }

    #[test]
    fn pooled_classes_are_numbered_from_zero() {
        assert_eq!(Class::MIN.index(), 0);
        assert_eq!(Class::LARGEST_POOLED.index() + 1, Class::POOLED);
        assert_eq!(Class::pooled(Class::TASK.index()), Class::TASK);
    }
}
