//! The one place that reads time.

use std::time::Duration;

use chat_domain::Timestamp;

/// Where the server takes time from.
pub trait Clock: Send + Sync + 'static {
    /// A time that never jumps, for timers and expiry: the wall clock's at the start, plus what has passed since.
    fn now(&self) -> Timestamp;

    /// The wall clock's time, for what is stored and shown.
    fn wall(&self) -> Timestamp;

    /// What has passed since some moment, as finely as the machine counts: to measure how long something takes.
    fn elapsed(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: tokio::time::Instant,
    started_at: Timestamp,
}

impl SystemClock {
    /// Takes the wall clock's time as the start.
    #[must_use]
    pub fn start() -> Self {
        Self { started: tokio::time::Instant::now(), started_at: wall() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.started_at.plus_ms(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    fn wall(&self) -> Timestamp {
        wall()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn wall() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
