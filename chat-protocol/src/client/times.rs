//! Every time that the client waits, in milliseconds, and the draw of chance that spreads it.

use chat_domain::Timestamp;

/// What the client waits for, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// From dialling to `status connected`. A server that waits in vain for a sign-in gives up after 10 s; it is to
    /// say so first.
    pub connect_limit_ms: u64,
    /// Silence after which the client asks whether the server is there.
    pub silence_before_ping_ms: u64,
    /// Silence after that question, at the end of which the connection is given up.
    pub pong_limit_ms: u64,
    /// From a request to its answer.
    pub answer_limit_ms: u64,
    /// The ceiling of the delay before the first attempt to come back; each further one doubles it.
    pub backoff_base_ms: u64,
    /// The highest ceiling of that delay.
    pub backoff_max_ms: u64,
    /// A connection that lived this long starts the backoff anew.
    pub stable_after_ms: u64,
    /// The delay before a join, a leave or a first send is tried again, when the server names none.
    pub retry_base_ms: u64,
    /// The longest delay before a send is tried again, when the server names none.
    pub retry_max_ms: u64,
    /// The longest delay that the client takes from a server.
    pub asked_delay_max_ms: u64,
    /// After an ack the room must have heard of the message within this time.
    pub echo_limit_ms: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            connect_limit_ms: 15_000,
            silence_before_ping_ms: 25_000,
            pong_limit_ms: 10_000,
            answer_limit_ms: 10_000,
            backoff_base_ms: 1_000,
            backoff_max_ms: 30_000,
            stable_after_ms: 10_000,
            retry_base_ms: 1_000,
            retry_max_ms: 30_000,
            asked_delay_max_ms: 600_000,
            echo_limit_ms: 3_000,
        }
    }
}

/// The base doubled so many times, up to the ceiling.
pub(super) fn doubled_ms(base_ms: u64, doublings: u32, ceiling_ms: u64) -> u64 {
    2_u64.saturating_pow(doublings).saturating_mul(base_ms).min(ceiling_ms)
}

/// A point in time so many milliseconds later.
pub(super) fn later(now: Timestamp, ms: u64) -> Timestamp {
    now.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// One draw of chance, made by the caller: 64 random bits.
#[derive(Debug, Clone, Copy)]
pub struct Chance(u64);

impl Chance {
    /// From random bits.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// A number from 0 to `most`, each as likely as the others.
    pub(super) fn up_to(self, most: u64) -> u64 {
        let scaled = (u128::from(self.0) * (u128::from(most) + 1)) >> u64::BITS;
        u64::try_from(scaled).unwrap_or(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_spreads_from_nothing_to_the_whole() {
        assert_eq!(Chance::new(0).up_to(1_000), 0);
        assert_eq!(Chance::new(u64::MAX / 2).up_to(1_000), 500);
        assert_eq!(Chance::new(u64::MAX).up_to(1_000), 1_000);
        assert_eq!(Chance::new(u64::MAX).up_to(u64::MAX), u64::MAX);
        assert_eq!(Chance::new(u64::MAX).up_to(0), 0);
    }

    #[test]
    fn doubling_stops_at_the_ceiling() {
        let delays: Vec<_> = [0, 1, 4, 5, 1_000].map(|n| doubled_ms(1_000, n, 30_000)).into();
        assert_eq!(delays, [1_000, 2_000, 16_000, 30_000, 30_000]);
    }
}
