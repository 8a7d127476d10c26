//! Why a request was refused, also by a server whose codes are newer than this client.

use std::borrow::Cow;

use chat_domain::Timestamp;
use serde::Deserialize;

use crate::ErrorCode;
use crate::client::times::{Times, doubled_ms, later};

/// Why a request was refused, or got no answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The stable name; a server may know more of them than this client.
    pub code: Cow<'static, str>,
    /// A text for the person.
    #[serde(default)]
    pub message: Cow<'static, str>,
    /// In how many milliseconds asking again may help.
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// The connection was lost before the answer.
    pub const DISCONNECTED: Self = Self::own("disconnected", "the connection was lost");
    /// No answer came in time.
    pub const TIMEOUT: Self = Self::own("timeout", "the server did not answer in time");
    /// The answer is not of the protocol.
    pub const UNREADABLE: Self = Self::own("unreadable", "the server's answer can't be read");

    const fn own(code: &'static str, message: &'static str) -> Self {
        Self { code: Cow::Borrowed(code), message: Cow::Borrowed(message), retry_after_ms: None }
    }

    /// When to ask again: after the delay that the server asks for, if it asks for any; else after a second, which doubles
    /// with each refusal before this one.
    pub(super) fn retry_at(&self, before: u32, now: Timestamp, times: &Times) -> Timestamp {
        let own_ms = doubled_ms(times.retry_base_ms, before, times.retry_max_ms);
        let wait_ms = self.retry_after_ms.filter(|&delay_ms| delay_ms > 0).unwrap_or(own_ms);
        later(now, wait_ms.min(times.asked_delay_max_ms))
    }

    /// Whether it has this code.
    #[must_use]
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == code.as_str()
    }

    /// Whether the same request may succeed later: the server says when, or no answer came.
    /// Of a send the outcome is unknown then; whoever is not signed in is about to be closed and comes back.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        self.retry_after_ms.is_some()
            || [Self::DISCONNECTED.code, Self::TIMEOUT.code].contains(&self.code)
            || self.is(ErrorCode::Unauthenticated)
            || ErrorCode::ALL.iter().any(|&code| code.may_retry() && self.is(code))
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
