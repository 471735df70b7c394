//! [`MList`]: the idle Ms, and the Ms that want a P. Under the sched lock; the links are the Ms' own, so an M is in at
//! most one list.

use crate::m::M;

/// A FIFO of Ms.
pub(super) struct MList {
    head: Option<&'static M>,
    tail: Option<&'static M>,
    len: u32,
}

impl MList {
    pub(super) const fn new() -> MList {
        MList {
            head: None,
            tail: None,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn push_front(&mut self, m: &'static M) {
        m.prev.set(None);
        m.next.set(self.head);
        match self.head {
            Some(head) => head.prev.set(Some(m)),
            None => self.tail = Some(m),
        }
        self.head = Some(m);
        self.len += 1;
    }

    pub(super) fn push_back(&mut self, m: &'static M) {
        m.next.set(None);
        m.prev.set(self.tail);
        match self.tail {
            Some(tail) => tail.next.set(Some(m)),
            None => self.head = Some(m),
        }
        self.tail = Some(m);
        self.len += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    pub(super) fn remove(&mut self, m: &'static M) {
        let (prev, next) = (m.prev.take(), m.next.take());
        match prev {
            Some(prev) => prev.next.set(next),
            None => self.head = next,
        }
        match next {
            Some(next) => next.prev.set(prev),
            None => self.tail = prev,
        }
        self.len -= 1;
    }

    pub(super) fn pop_front(&mut self) -> Option<&'static M> {
        let m = self.head?;
        self.remove(m);
        Some(m)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// An M that is woken for its own work leaves the idle list wherever it stands. Were the Ms before it to go along, they
    /// would sleep for ever, and one that is woken later would tear up the queue for a P.
    #[test]
    fn an_m_that_leaves_a_list_leaves_the_others_in_it() {
        for gone in 0..4 {
            let ms: Vec<&'static M> = (0..6).map(|id| &*Box::leak(Box::new(M::new(id, 1)))).collect();
            let mut list = MList::new();
            for m in &ms[1..4] {
                list.push_back(m);
            }
            list.push_front(ms[0]);
            list.remove(ms[gone]);
            list.push_back(ms[4]);
            list.push_front(ms[5]);
            let mut left: Vec<_> = [5, 0, 1, 2, 3, 4].into();
            left.retain(|id| *id != gone as u32);
            let forwards: Vec<_> = std::iter::successors(list.head, |m| m.next.get())
                .map(|m| m.id)
                .collect();
            assert_eq!(forwards, left);
            left.reverse();
            let backwards: Vec<_> = std::iter::successors(list.tail, |m| m.prev.get())
                .map(|m| m.id)
                .collect();
            assert_eq!(backwards, left);
            assert_eq!(list.len() as usize, left.len());
            while let Some(m) = list.pop_front() {
                assert_eq!(Some(m.id), left.pop());
            }
            assert!(left.is_empty() && list.tail.is_none() && list.is_empty());
        }
    }
}
