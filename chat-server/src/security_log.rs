//! What the log says of security: who signed in, failed to, lost a right or was refused. The same fields everywhere.
//!
//! The name that was typed in at a sign-in is never logged: people type passwords there.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chat_domain::{Rate, Timestamp, TokenBucket, UserId};
use chat_protocol::CloseCode;

/// Somebody signed in with a password.
pub(crate) fn signed_in(user_id: UserId, address: IpAddr) {
    tracing::info!(event = "signed_in", %user_id, %address, "signed in");
}

/// A name and a password did not belong together, or the account is shut out; known is the account, if there is one.
pub(crate) fn sign_in_failed(user_id: Option<UserId>, address: IpAddr) {
    match user_id {
        Some(user_id) => {
            tracing::info!(event = "sign_in_failed", %user_id, %address, "a sign-in failed");
        }
        None => tracing::info!(event = "sign_in_failed", %address, "a sign-in failed: nobody has that name"),
    }
}

/// Somebody registered.
pub(crate) fn registered(user_id: UserId, address: IpAddr) {
    tracing::info!(event = "registered", %user_id, %address, "registered");
}

/// Somebody signed out on one device.
pub(crate) fn signed_out(user_id: UserId) {
    tracing::info!(event = "signed_out", %user_id, "signed out");
}

/// Somebody ended own sessions on other devices.
pub(crate) fn sessions_revoked(user_id: UserId) {
    tracing::info!(event = "sessions_revoked", %user_id, "sessions revoked");
}

/// Somebody changed the own password.
pub(crate) fn password_changed(user_id: UserId) {
    tracing::info!(event = "password_changed", %user_id, "changed the password");
}

/// This node obeys a row of the control log that takes somebody's right away, whichever program wrote it.
pub(crate) fn revoked(user_id: UserId, code: CloseCode, connections: usize) {
    tracing::info!(event = "revoked", %user_id, why = code.reason(), connections, "connections are closed");
}

/// Lines about refusals: two seconds' worth of them at once, at most.
const REFUSALS_AT_ONCE: u32 = 20;
/// The milliseconds in which so many more may come.
const REFUSALS_PERIOD_MS: u32 = 2_000;

/// Refusals that anybody can bring about as often as they like. Only some of them are logged, so that they don't fill
/// the disk; the metrics count all.
#[derive(Debug)]
pub(crate) struct RefusalLog(Mutex<Held>);

#[derive(Debug)]
struct Held {
    bucket: TokenBucket,
    suppressed: u64,
}

impl RefusalLog {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Mutex::new(Held { bucket: TokenBucket::new(rate(), now), suppressed: 0 }))
    }

    /// Too much came from an address.
    pub(crate) fn address_limited(&self, what: &str, address: IpAddr, now: Timestamp) {
        if let Some(suppressed) = self.admit(now) {
            tracing::info!(event = "rate_limited", what, %address, suppressed, "refused");
        }
    }

    /// Too much came from a person.
    pub(crate) fn user_limited(&self, what: &str, user_id: UserId, now: Timestamp) {
        if let Some(suppressed) = self.admit(now) {
            tracing::info!(event = "rate_limited", what, %user_id, suppressed, "refused");
        }
    }

    /// A token that is unknown or has ended came from an address.
    pub(crate) fn token_refused(&self, address: IpAddr, now: Timestamp) {
        if let Some(suppressed) = self.admit(now) {
            tracing::info!(event = "token_refused", %address, suppressed, "refused");
        }
    }

    /// Whether a line may be written; then how many were left out before it.
    fn admit(&self, now: Timestamp) -> Option<u64> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.bucket.take(rate(), now).is_err() {
            held.suppressed += 1;
            return None;
        }
        Some(std::mem::take(&mut held.suppressed))
    }
}

const fn rate() -> Rate {
    Rate::new(REFUSALS_AT_ONCE, REFUSALS_PERIOD_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_a_few_lines_and_their_number() {
        let now = Timestamp::from_unix_ms(0);
        let log = RefusalLog::new(now);
        let written = (0..1_000).filter_map(|_| log.admit(now)).count();
        assert_eq!(written, 20);
        assert_eq!(log.admit(now.plus_ms(2_000)), Some(980));
        assert_eq!(log.admit(now.plus_ms(2_000)), Some(0));
    }
}
