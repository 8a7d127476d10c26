//! How long everything takes. Operators leave them alone; tests shorten them instead of waiting.

use chat_domain::limits::PRESENCE_GRACE_MS;
use chat_domain::typing::TypingTimes;

/// Times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Timers {
    /// How long a store operation may take before a client is told that it is unknown.
    pub commit_timeout_ms: u64,
    /// How long a new connection may take to sign in.
    pub sign_in_timeout_ms: u64,
    /// How long a request's header may take.
    pub header_timeout_ms: u64,
    /// How long a request's body may take.
    pub body_timeout_ms: u64,
    /// How long a connection may be used for plain HTTP.
    pub http_lifetime_ms: u64,
    /// After how much silence the server pings.
    pub ping_after_ms: u64,
    /// After how much silence a connection is gone.
    pub idle_timeout_ms: u64,
    /// How long a closed connection may take to answer.
    pub close_timeout_ms: u64,
    /// How often a shard looks after the times of its connections.
    pub tick_ms: u64,
    /// How often the control log is read.
    pub control_poll_ms: u64,
    /// How often presence is told and typing swept.
    pub presence_flush_ms: u64,
    /// How often presence is written down.
    pub upkeep_ms: u64,
    /// How long after a session was last written down as seen it is written down again. Well below the shortest idle
    /// limit, a day.
    pub session_touch_ms: i64,
    /// How long somebody without a connection still counts as present.
    pub presence_grace_ms: i64,
    /// How long typing lives, and how often it may start.
    pub typing: TypingTimes,
    /// Over how much time the closes are spread when the server goes away.
    pub drain_spread_ms: u64,
    /// How long the server waits for them.
    pub drain_timeout_ms: u64,
    /// How long it waits for plain requests that are under way.
    pub drain_requests_timeout_ms: u64,
    /// How long all of stopping may take, the last commits included.
    pub stop_timeout_ms: u64,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            commit_timeout_ms: 2_800,
            sign_in_timeout_ms: 10_000,
            header_timeout_ms: 10_000,
            body_timeout_ms: 10_000,
            http_lifetime_ms: 120_000,
            ping_after_ms: 25_000,
            idle_timeout_ms: 39_000,
            close_timeout_ms: 3_000,
            tick_ms: 100,
            control_poll_ms: 250,
            presence_flush_ms: 100,
            upkeep_ms: 5_000,
            session_touch_ms: 60 * 60 * 1_000,
            presence_grace_ms: PRESENCE_GRACE_MS,
            typing: TypingTimes::default(),
            drain_spread_ms: 2_000,
            drain_timeout_ms: 6_000,
            drain_requests_timeout_ms: 2_000,
            stop_timeout_ms: 9_500,
        }
    }
}

impl Timers {
    pub(crate) fn ping_after_ms(&self) -> i64 {
        signed(self.ping_after_ms)
    }

    pub(crate) fn idle_ms(&self) -> i64 {
        signed(self.idle_timeout_ms)
    }

    pub(crate) fn close_ms(&self) -> i64 {
        signed(self.close_timeout_ms)
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
