//! The writer's credit: the next batch is taken when the last one is written out.
//!
//! Without it the load falls into half batches and large rooms lose two fifths of their throughput.
//! It is a count that goes to zero, not a timer: an idle server commits a single message at once.
//! What few hear doesn't wait until what many hear is written out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Arc, Weak};

/// How many hear of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// So few that writing to them takes no time that is worth mentioning.
    Few,
    /// So many that others would wait for it.
    Many,
}

/// A batch's credit. While there are shares for few, no batch is taken; while there are shares for many, only commands
/// for few are, and one full batch.
pub struct Credit {
    /// Weak, because a share may outlive the writer, in the queue of somebody who ended before.
    lender: Weak<dyn Lender>,
    batch: u64,
}

/// A part of a batch that is not written out; dropping it gives it back, also when whoever had it fails.
pub struct CreditShare {
    audience: Audience,
    lender: Weak<dyn Lender>,
    batch: u64,
}

/// Who lends credit for numbered batches.
pub(crate) trait Lender: Send + Sync {
    fn lend(&self, batch: u64, audience: Audience);
    fn take_back(&self, batch: u64, audience: Audience);
}

impl CreditShare {
    /// For how many it is.
    #[must_use]
    pub const fn audience(&self) -> Audience {
        self.audience
    }
}

impl Credit {
    pub(crate) fn new(lender: &Arc<impl Lender + 'static>, batch: u64) -> Self {
        let lender = Arc::downgrade(lender);
        Self { lender, batch }
    }

    /// A credit that nobody lends, for who runs batches without a [`crate::Writer`].
    #[must_use]
    pub fn of_nobody() -> Self {
        Self { lender: Weak::<Nobody>::new(), batch: 0 }
    }

    /// A part of the batch that is about to be written out.
    #[must_use]
    pub fn share(&self, audience: Audience) -> CreditShare {
        if let Some(lender) = self.lender.upgrade() {
            lender.lend(self.batch, audience);
        }
        CreditShare { audience, lender: Weak::clone(&self.lender), batch: self.batch }
    }
}

struct Nobody;

impl Lender for Nobody {
    fn lend(&self, _: u64, _: Audience) {}
    fn take_back(&self, _: u64, _: Audience) {}
}

impl Drop for CreditShare {
    fn drop(&mut self) {
        if let Some(lender) = self.lender.upgrade() {
            lender.take_back(self.batch, self.audience);
        }
    }
}

impl fmt::Debug for Credit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credit").finish_non_exhaustive()
    }
}

impl fmt::Debug for CreditShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreditShare").field("audience", &self.audience).finish_non_exhaustive()
    }
}

/// Commands that are a batch as good as a larger one: with more of them in one write, a message costs no less.
const FULL_BATCH: usize = 64;

/// Which commands may be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// All.
    Open,
    /// Those of which few hear.
    OpenForFew,
    /// None yet.
    Shut,
}

/// The shares that are out.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    few: usize,
    /// By batch.
    many: BTreeMap<u64, usize>,
}

impl Outstanding {
    pub(crate) fn add(&mut self, batch: u64, audience: Audience) {
        match audience {
            Audience::Few => self.few += 1,
            Audience::Many => *self.many.entry(batch).or_default() += 1,
        }
    }

    pub(crate) fn remove(&mut self, batch: u64, audience: Audience) {
        match audience {
            Audience::Few => self.few = self.few.saturating_sub(1),
            Audience::Many => {
                if let Entry::Occupied(mut shares) = self.many.entry(batch) {
                    *shares.get_mut() -= 1;
                    if *shares.get() == 0 {
                        shares.remove();
                    }
                }
            }
        }
    }

    /// What may be committed now, if so many commands wait.
    pub(crate) fn gate(&self, waiting: usize) -> Gate {
        match (self.few, self.many.len()) {
            (0, 0) => Gate::Open,
            (0, 1) if waiting >= FULL_BATCH => Gate::Open,
            (0, _) => Gate::OpenForFew,
            _ => Gate::Shut,
        }
    }
}
