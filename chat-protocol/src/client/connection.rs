//! One connection that comes back: how it stands, when it is asked for a sign of life, how long it waits to return.

use chat_domain::Timestamp;

use crate::client::times::{Chance, Times, doubled_ms, later};

/// What part of a delay that the server asked for is spread over, so that its guests do not return in one instant.
const ASKED_DELAY_JITTER_DIVISOR: u64 = 5;

/// How the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not begun.
    Idle,
    /// Waiting to dial, dialling, or waiting for the welcome; given up at the end of it.
    Connecting { until: Timestamp },
    /// Signed in.
    Open { since: Timestamp, heard_at: Timestamp, pinged_at: Option<Timestamp> },
    /// Over for good.
    Ended,
}

/// What time has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// Asking for a sign of life.
    Ping,
    /// The peer is not there.
    Lost,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Connection {
    times: Times,
    state: State,
    /// Attempts since the last stable connection.
    attempt: u32,
    asked_delay_ms: Option<u64>,
}

impl Connection {
    pub(super) const fn new(times: Times) -> Self {
        Self { times, state: State::Idle, attempt: 0, asked_delay_ms: None }
    }

    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    pub(super) const fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting { .. })
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    pub(super) const fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Waits for a dial that begins after the delay.
    pub(super) fn dial(&mut self, now: Timestamp, after_ms: u64) {
        let until = later(now, after_ms.saturating_add(self.times.connect_limit_ms));
        self.state = State::Connecting { until };
    }

    /// The server's welcome.
    pub(super) const fn welcomed(&mut self, now: Timestamp) {
        self.state = State::Open { since: now, heard_at: now, pinged_at: None };
        self.asked_delay_ms = None;
    }

    /// Any frame is a sign of life.
    pub(super) const fn heard(&mut self, now: Timestamp) {
        if let State::Open { heard_at, pinged_at, .. } = &mut self.state {
            *heard_at = now;
            *pinged_at = None;
        }
    }

    /// The server said when to come back.
    pub(super) fn asked_to_wait(&mut self, delay_ms: u64) {
        // No delay is no wish: whoever comes back at once again and again helps nobody.
        self.asked_delay_ms = (delay_ms > 0).then_some(delay_ms.min(self.times.asked_delay_max_ms));
    }

    /// The connection is gone. In how many milliseconds to dial: what the server asked for and up to a fifth more,
    /// else anything up to a ceiling that doubles with every attempt ("full jitter").
    pub(super) fn lost(&mut self, now: Timestamp, chance: Chance) -> u64 {
        if let State::Open { since, .. } = self.state
            && now >= later(since, self.times.stable_after_ms)
        {
            self.attempt = 0;
        }
        let delay_ms = if let Some(asked_ms) = self.asked_delay_ms.take() {
            self.attempt = 0;
            asked_ms.saturating_add(chance.up_to(asked_ms / ASKED_DELAY_JITTER_DIVISOR))
        } else {
            let Times { backoff_base_ms, backoff_max_ms, .. } = self.times;
            let ceiling_ms = doubled_ms(backoff_base_ms, self.attempt, backoff_max_ms);
            self.attempt = self.attempt.saturating_add(1);
            chance.up_to(ceiling_ms)
        };
        self.dial(now, delay_ms);
        delay_ms
    }

    /// Over for good.
    pub(super) const fn end(&mut self) {
        self.state = State::Ended;
    }

    /// What time has brought; a ping counts as sent.
    pub(super) fn due(&mut self, now: Timestamp) -> Due {
        if self.wake_at().is_none_or(|at| now < at) {
            return Due::Nothing;
        }
        match &mut self.state {
            State::Open { pinged_at: pinged_at @ None, .. } => {
                *pinged_at = Some(now);
                Due::Ping
            }
            _ => Due::Lost,
        }
    }

    /// What is known of the connection is stale: a sign of life is wanted now. Whether there is a connection to ask.
    pub(super) const fn doubt(&mut self, now: Timestamp) -> bool {
        let State::Open { pinged_at, .. } = &mut self.state else { return false };
        let is_first = pinged_at.is_none();
        if is_first {
            *pinged_at = Some(now);
        }
        is_first
    }

    /// When `due` has something to say.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Idle | State::Ended => None,
            State::Connecting { until } => Some(until),
            State::Open { pinged_at: Some(at), .. } => Some(later(at, self.times.pong_limit_ms)),
            State::Open { heard_at, .. } => Some(later(heard_at, self.times.silence_before_ping_ms)),
        }
    }
}
