//! Sessions: signed-in devices. The store knows the keyed hash of a token, never the token.

use crate::{SessionId, Timestamp, UserId};

/// The keyed hash of a session token (HMAC-SHA-256). Whoever reads the database can't sign in with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Wraps a hash.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A signed-in device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Which session.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A session to be added.
#[derive(Debug, Clone, Copy)]
pub struct NewSession {
    /// Whose.
    pub user_id: UserId,
    /// The hash of its token.
    pub token_hash: TokenHash,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}
