//! An intrusive FIFO of Gs through `G.link` (Go: gQueue). Whoever owns the list owns the links of what is in it.

use crate::g::Gp;

/// A queue of Gs that belongs to one owner at a time (a lock, or an M).
#[derive(Default)]
pub(crate) struct GList {
    head: Option<Gp>,
    tail: Option<Gp>,
    len: usize,
}

impl GList {
    pub(crate) const fn new() -> GList {
        GList {
            head: None,
            tail: None,
            len: 0,
        }
    }

    pub(crate) fn of(g: Gp) -> GList {
        let mut list = GList::new();
        list.push_back(g);
        list
    }

    pub(crate) fn push_back(&mut self, g: Gp) {
        g.g().link.set(None);
        match self.tail.replace(g) {
            Some(tail) => tail.g().link.set(Some(g)),
            None => self.head = Some(g),
        }
        self.len += 1;
    }

    pub(crate) fn pop_front(&mut self) -> Option<Gp> {
        let g = self.head?;
        self.head = g.g().link.take();
        if self.head.is_none() {
            self.tail = None;
        }
        self.len -= 1;
        Some(g)
    }

    pub(crate) fn append(&mut self, mut other: GList) {
        let Some(head) = other.head.take() else { return };
        match self.tail {
            Some(tail) => tail.g().link.set(Some(head)),
            None => self.head = Some(head),
        }
        self.tail = other.tail.take();
        self.len += other.len;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }
}
