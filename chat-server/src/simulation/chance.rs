//! Chance that comes from the seed alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::random;

/// A stream of random numbers (splitmix64). A clone draws from the same stream.
#[derive(Clone)]
pub(super) struct Chance(Arc<AtomicU64>);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    fn draw(&self) -> u64 {
        let mut drawn = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^ (drawn >> 31)
    }

    /// A stream of its own.
    pub(super) fn fork(&self) -> Self {
        Self::new(self.draw())
    }

    /// A number below `bound`; 0 if that is 0.
    pub(super) fn below(&self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap();
        usize::try_from(self.draw().checked_rem(bound).unwrap_or(0)).unwrap()
    }

    /// True once in so many times.
    pub(super) fn one_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<'p, T>(&self, from: &'p [T]) -> &'p T {
        &from[self.below(from.len())]
    }

    /// Some milliseconds, `most` at most.
    pub(super) fn ms(&self, most: usize) -> Duration {
        Duration::from_millis(u64::try_from(self.below(most + 1)).unwrap())
    }
}

impl random::Chance for Chance {
    fn below_ms(&self, bound_ms: u64) -> u64 {
        self.draw().checked_rem(bound_ms).unwrap_or(0)
    }
}
