//! Chance from a seed that is told, so that a run can be repeated.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A sequence of numbers that looks like chance (SplitMix64).
pub(super) struct Chance(u64);

impl Chance {
    /// Drawn anew for each run, or taken from `CHAT_TEST_SEED`. A failing test shows which it was.
    pub(super) fn of(test: &str) -> Self {
        let given = std::env::var("CHAT_TEST_SEED").ok();
        let seed = given.map_or_else(|| RandomState::new().hash_one(test), |seed| seed.parse().unwrap());
        println!("{test}: CHAT_TEST_SEED={seed}");
        Self(seed)
    }

    /// A number below a limit.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// A time below a limit, to the microsecond.
    pub(super) fn time_below(&mut self, limit: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(limit.as_micros()).unwrap()))
    }
}
