//! Rates: a token bucket that refills with the time it is told.

use crate::Timestamp;

/// How much of something may happen: a burst, refilled evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// In how many milliseconds an empty bucket is full again.
    pub refill_ms: u32,
}

impl Rate {
    /// `burst` at once and `burst` per `refill_ms` in the long run.
    #[must_use]
    pub const fn new(burst: u32, refill_ms: u32) -> Self {
        Self { burst, refill_ms }
    }

    /// What a full bucket holds, in shares: a token has `refill_ms` of them, and `burst` come back per millisecond.
    /// Whole numbers, so that nothing is lost to rounding.
    fn full(self) -> u64 {
        u64::from(self.burst) * u64::from(self.refill_ms)
    }
}

/// A bucket of tokens for one rate and one subject.
#[derive(Debug, Clone, Copy)]
pub struct TokenBucket {
    shares: u64,
    filled_at: Timestamp,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Rate, now: Timestamp) -> Self {
        Self { shares: rate.full(), filled_at: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// In how many milliseconds one will be there. A clock that jumps back refills nothing and costs nothing.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), u32> {
        self.refill(rate, now);
        let token = u64::from(rate.refill_ms);
        if self.shares >= token {
            self.shares -= token;
            return Ok(());
        }
        let missing_ms = (token - self.shares).div_ceil(u64::from(rate.burst).max(1));
        Err(u32::try_from(missing_ms).unwrap_or(u32::MAX))
    }

    /// Whether nothing is missing, so that the bucket can be forgotten.
    pub fn is_full(&mut self, rate: Rate, now: Timestamp) -> bool {
        self.refill(rate, now);
        self.shares >= rate.full()
    }

    fn refill(&mut self, rate: Rate, now: Timestamp) {
        let elapsed_ms = u64::try_from(now.ms_since(self.filled_at)).unwrap_or(0);
        self.shares =
            elapsed_ms.saturating_mul(u64::from(rate.burst)).saturating_add(self.shares).min(rate.full());
        self.filled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::new(2, 1_000);

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    #[test]
    fn a_burst_passes_and_then_one_per_token_time() {
        let mut bucket = TokenBucket::new(RATE, at(0));
        assert_eq!(bucket.take(RATE, at(0)), Ok(()));
        assert_eq!(bucket.take(RATE, at(0)), Ok(()));
        assert_eq!(bucket.take(RATE, at(0)), Err(500));
        assert_eq!(bucket.take(RATE, at(499)), Err(1));
        assert_eq!(bucket.take(RATE, at(500)), Ok(()));
        assert_eq!(bucket.take(RATE, at(10_000)), Ok(()));
        assert_eq!(bucket.take(RATE, at(10_000)), Ok(()));
        assert!(bucket.take(RATE, at(10_000)).is_err());
    }

    #[test]
    fn a_clock_that_jumps_back_gives_nothing_and_blocks_nothing_for_long() {
        let mut bucket = TokenBucket::new(RATE, at(1_000_000));
        assert_eq!(bucket.take(RATE, at(0)), Ok(()));
        assert_eq!(bucket.take(RATE, at(0)), Ok(()));
        assert_eq!(bucket.take(RATE, at(0)), Err(500));
        assert_eq!(bucket.take(RATE, at(500)), Ok(()));
    }
}
