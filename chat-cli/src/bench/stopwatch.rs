//! The clock of a load: time that never jumps, since it began. Nothing else here reads one.

use std::time::{Duration, Instant};

/// Nanoseconds in a second.
pub(super) const SECOND_NS: u64 = 1_000_000_000;

/// A running stopwatch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the start.
    pub(super) fn ns(self) -> u64 {
        let elapsed: Duration = self.0.elapsed();
        elapsed.as_secs() * SECOND_NS + u64::from(elapsed.subsec_nanos())
    }
}

/// Nanoseconds of some seconds.
pub(super) const fn seconds(seconds: u64) -> u64 {
    seconds.saturating_mul(SECOND_NS)
}
