//! Exponential backoff: after some failures in a row each further attempt must wait, twice as long every time.

use crate::Timestamp;

/// How many failures are free, and how long one waits after more of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Failures in a row that cost no wait; at least one is free.
    pub free_failures: u32,
    /// Milliseconds of the first wait.
    pub first_wait_ms: u32,
    /// Milliseconds of the longest wait.
    pub longest_wait_ms: u32,
    /// After how many milliseconds without an attempt all is forgotten.
    pub forget_after_ms: u32,
}

/// The attempts of one subject since the last success.
#[derive(Debug, Clone, Copy)]
pub struct Attempts {
    failures: u32,
    begun_at: Timestamp,
}

impl Attempts {
    /// No attempts yet.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self { failures: 0, begun_at: now }
    }

    /// Begins an attempt. It counts as a failure at once, so that many at the same time are not free; whoever
    /// succeeds forgets the subject.
    ///
    /// # Errors
    /// In how many milliseconds an attempt may begin. A refused one doesn't count.
    pub fn begin(&mut self, backoff: Backoff, now: Timestamp) -> Result<(), u32> {
        if self.is_forgotten(backoff, now) {
            *self = Self::new(now);
        }
        let elapsed_ms = u32::try_from(now.ms_since(self.begun_at)).unwrap_or(u32::MAX);
        let wait_ms = self.wait_ms(backoff).saturating_sub(elapsed_ms);
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        self.failures = self.failures.saturating_add(1);
        self.begun_at = now;
        Ok(())
    }

    /// Takes an attempt back that came to nothing: it was neither a success nor a failure.
    pub const fn withdraw(&mut self) {
        self.failures = self.failures.saturating_sub(1);
    }

    /// Whether the last attempt is so long ago that all is forgotten.
    #[must_use]
    pub fn is_forgotten(&self, backoff: Backoff, now: Timestamp) -> bool {
        now.ms_since(self.begun_at) >= i64::from(backoff.forget_after_ms)
    }

    /// How long after the last attempt the next may begin.
    fn wait_ms(&self, backoff: Backoff) -> u32 {
        let Some(doublings) = self.failures.checked_sub(backoff.free_failures.max(1)) else { return 0 };
        let wait_ms = 2_u32.saturating_pow(doublings).saturating_mul(backoff.first_wait_ms);
        wait_ms.min(backoff.longest_wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { free_failures: 3, first_wait_ms: 1_000, longest_wait_ms: 10_000, forget_after_ms: 60_000 };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    /// Attempts that have failed so often, the last of them at the given time.
    fn failed(times: u32, last: i64) -> Attempts {
        Attempts { failures: times, begun_at: at(last) }
    }

    #[test]
    fn the_first_failures_are_free_and_then_the_wait_doubles_up_to_its_longest() {
        let mut attempts = Attempts::new(at(0));
        for _ in 0..3 {
            assert_eq!(attempts.begin(BACKOFF, at(0)), Ok(()));
        }
        assert_eq!(attempts.begin(BACKOFF, at(0)), Err(1_000));
        assert_eq!(attempts.begin(BACKOFF, at(999)), Err(1));
        assert_eq!(attempts.begin(BACKOFF, at(1_000)), Ok(()));
        assert_eq!(attempts.begin(BACKOFF, at(1_000)), Err(2_000));
        assert_eq!(failed(6, 0).begin(BACKOFF, at(0)), Err(8_000));
        assert_eq!(failed(7, 0).begin(BACKOFF, at(0)), Err(10_000));
        assert_eq!(failed(u32::MAX, 0).begin(BACKOFF, at(0)), Err(10_000));
    }

    #[test]
    fn silence_makes_forget_and_a_clock_that_jumps_back_does_not() {
        assert_eq!(failed(9, 0).begin(BACKOFF, at(59_999)), Ok(()));
        let mut rested = failed(9, 0);
        for _ in 0..3 {
            assert_eq!(rested.begin(BACKOFF, at(60_000)), Ok(()));
        }
        assert_eq!(rested.begin(BACKOFF, at(60_000)), Err(1_000));
        assert_eq!(failed(3, 5_000).begin(BACKOFF, at(0)), Err(1_000));
    }

    #[test]
    fn an_attempt_that_came_to_nothing_does_not_count() {
        let mut attempts = failed(2, 0);
        assert_eq!(attempts.begin(BACKOFF, at(0)), Ok(()));
        attempts.withdraw();
        assert_eq!(attempts.begin(BACKOFF, at(0)), Ok(()));
        assert_eq!(attempts.begin(BACKOFF, at(0)), Err(1_000));
    }

    #[test]
    fn none_free_still_lets_the_first_attempt_pass() {
        let strict = Backoff { free_failures: 0, ..BACKOFF };
        let mut attempts = Attempts::new(at(0));
        assert_eq!(attempts.begin(strict, at(0)), Ok(()));
        assert_eq!(attempts.begin(strict, at(0)), Err(1_000));
    }
}
