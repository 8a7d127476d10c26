//! How fast a connection is read that goes on asking although it is told to wait.
//!
//! A refusal costs about as much as a message. Whoever doesn't wait would keep the shard busy with refusing, and nothing
//! else would get done; so reading slows down instead, and the client feels it in its own socket.

use std::time::Duration;

use chat_domain::{Rate, Timestamp, TokenBucket};

use crate::handlers::Refusal;

/// Requests that the node is too busy for: so many are told so at once, and so many per second.
const OVERLOADED: Rate = Rate::new(10, 1_000);
/// Requests above a person's own rates: so many at once, and so many per ten seconds. They are no sign that others wait.
const RATE_LIMITED: Rate = Rate::new(100, 10_000);

/// The brake of one connection.
pub(super) struct Brake {
    overloaded: TokenBucket,
    rate_limited: TokenBucket,
}

impl Brake {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            overloaded: TokenBucket::new(OVERLOADED, now),
            rate_limited: TokenBucket::new(RATE_LIMITED, now),
        }
    }

    /// Counts a refusal; gives back how long to wait before the next frame is read.
    pub(super) fn refused(&mut self, refusal: Refusal, now: Timestamp) -> Duration {
        let (bucket, rate) = match refusal {
            Refusal::Overloaded => (&mut self.overloaded, OVERLOADED),
            Refusal::RateLimited => (&mut self.rate_limited, RATE_LIMITED),
        };
        let wait_ms = bucket.take(rate, now).err().unwrap_or(0);
        Duration::from_millis(wait_ms.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_read_at_once_and_who_does_not_is_read_ever_more_slowly() {
        let at = Timestamp::from_unix_ms;
        let mut brake = Brake::new(at(0));
        let mut waits = |refusal, count: i64, now| {
            (0..count).map(|_| brake.refused(refusal, at(now))).collect::<Vec<Duration>>()
        };
        assert_eq!(waits(Refusal::Overloaded, 10, 0), [Duration::ZERO; 10]);
        assert_eq!(waits(Refusal::Overloaded, 1, 0), [Duration::from_millis(100)]);
        assert_eq!(waits(Refusal::RateLimited, 100, 0), [Duration::ZERO; 100], "that is another matter");
        assert_eq!(waits(Refusal::RateLimited, 1, 0), [Duration::from_millis(100)]);
        assert_eq!(waits(Refusal::Overloaded, 10, 1_000), [Duration::ZERO; 10], "a second later");
    }
}
