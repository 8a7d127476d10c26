//! The connections whose turn to be written to comes after others.

use std::collections::VecDeque;

/// A list of slots whose places are numbered, so that it can be said when those of a commit have been visited.
#[derive(Debug, Default)]
pub(super) struct Later {
    slots: VecDeque<usize>,
    /// Slots that were taken from its front.
    taken: usize,
}

impl Later {
    pub(super) fn push(&mut self, slot: usize) {
        self.slots.push_back(slot);
    }

    pub(super) fn pop(&mut self) -> Option<usize> {
        let slot = self.slots.pop_front()?;
        self.taken += 1;
        Some(slot)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The place of the first one.
    pub(super) const fn start(&self) -> usize {
        self.taken
    }

    /// The place behind the last one.
    pub(super) fn end(&self) -> usize {
        self.taken + self.slots.len()
    }
}
