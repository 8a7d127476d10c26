//! Sessions: signed-in devices. The store knows the keyed hash of a token, never the token.

use crate::limits::DEVICE_NAME_CHARS_MAX;
use crate::text::{check_characters, check_length, is_invisible, is_visible, validated_text};
use crate::{SessionId, Timestamp, UserId, ValueError};

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

/// What a device calls itself, so that people know their sessions apart: 1 to 120 characters, without control
/// characters, bidirectional overrides and zero-width characters. A device may say what it likes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeviceName(String);

/// The name of the value in an error.
const DEVICE_NAME: &str = "device name";

validated_text!(DeviceName, |text| {
    if !is_visible(text) {
        return Err(ValueError::Empty { what: DEVICE_NAME });
    }
    check_length(DEVICE_NAME, "characters", text.chars().count(), 1..=DEVICE_NAME_CHARS_MAX)?;
    check_characters(DEVICE_NAME, text, "no control, direction or zero-width characters", is_shown)
});

impl DeviceName {
    /// The name that is left of any text: what is not allowed is dropped, what is too long is cut off. `None` if
    /// nothing visible is left.
    #[must_use]
    pub fn cleaned(text: &str) -> Option<Self> {
        let shown: String =
            text.trim().chars().filter(|&c| is_shown(c)).take(DEVICE_NAME_CHARS_MAX).collect();
        Self::new(shown.trim()).ok()
    }
}

fn is_shown(c: char) -> bool {
    !c.is_control() && !is_invisible(c)
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
    /// When its token or a connection of it was last seen; written down coarsely, so it may have been later.
    pub last_seen_at: Timestamp,
    /// Until when, however often it is seen.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether it has not ended: neither at its absolute end, nor by not having been seen for `idle_ms`.
    #[must_use]
    pub const fn is_live(&self, now: Timestamp, idle_ms: i64) -> bool {
        self.expires_at.ms_since(now) > 0 && now.ms_since(self.last_seen_at) < idle_ms
    }
}

/// A session as its person sees it in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// The session.
    pub session: Session,
    /// What the device called itself when it signed in.
    pub device: Option<DeviceName>,
}

/// A session to be added.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Whose.
    pub user_id: UserId,
    /// The hash of its token.
    pub token_hash: TokenHash,
    /// What the device calls itself.
    pub device: Option<DeviceName>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it is first seen.
    pub last_seen_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_name_is_short_and_hides_nothing() {
        for good in ["Firefox on Linux", "curl/8.5.0", "x", &"ä".repeat(120)] {
            assert!(DeviceName::new(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a\nb", "a\u{1b}[2Jb", "a\u{202e}b", "a\u{200b}b", &"x".repeat(121)] {
            assert!(DeviceName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn any_text_is_cleaned_to_a_device_name_or_to_none() {
        let cleaned = |text: &str| DeviceName::cleaned(text).map(String::from);
        assert_eq!(cleaned(" curl/8.5.0\r\n").as_deref(), Some("curl/8.5.0"));
        assert_eq!(cleaned("a\u{1b}[2J\u{202e}b\u{0}").as_deref(), Some("a[2Jb"));
        assert_eq!(cleaned(&"é".repeat(5_000)), Some("é".repeat(120)));
        let cut_at_a_space = format!("{} more", "x".repeat(119));
        assert_eq!(cleaned(&cut_at_a_space), Some("x".repeat(119)));
        for nothing in ["", " \t ", "\u{200b}\u{202e}", "\u{0}"] {
            assert_eq!(cleaned(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_session_ends_at_its_end_or_when_it_was_not_seen() {
        let at = Timestamp::from_unix_ms;
        let session = Session {
            id: SessionId::new(1),
            user_id: UserId::new(1),
            created_at: at(0),
            last_seen_at: at(50),
            expires_at: at(100),
        };
        for (now, idle_ms, is_live) in [
            (50, 40, true),
            (89, 40, true),
            (90, 40, false),
            (99, 1_000, true),
            (100, 1_000, false),
            (99, i64::MAX, true),
            // Before it was seen: the clock was set back.
            (0, 1, true),
        ] {
            assert_eq!(session.is_live(at(now), idle_ms), is_live, "{now} {idle_ms}");
        }
    }
}
