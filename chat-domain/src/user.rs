//! People: who they are, and what they are called.

use crate::limits::{DISPLAY_NAME_CHARS_MAX, USERNAME_CHARS};
use crate::text::{check_characters, check_length, check_name, is_invisible, is_visible, validated_text};
use crate::{Timestamp, UserId, ValueError};

/// The unique name that a person signs in with: `[a-z0-9][a-z0-9._-]*`, 2 to 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(String);

validated_text!(Username, |text| check_name("user name", text, USERNAME_CHARS));

/// The name that a person shows: free Unicode, 1 to 64 characters, without control characters,
/// bidirectional overrides and zero-width characters. Not unique: a page shows the user name where it matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DisplayName(String);

validated_text!(DisplayName, |text| {
    const WHAT: &str = "display name";
    if !is_visible(text) {
        return Err(ValueError::Empty { what: WHAT });
    }
    check_length(WHAT, "characters", text.chars().count(), 1..=DISPLAY_NAME_CHARS_MAX)?;
    check_characters(WHAT, text, "no control, direction or zero-width characters", |c| {
        !c.is_control() && !is_invisible(c)
    })
});

impl From<&Username> for DisplayName {
    /// Whoever names no display name shows the user name.
    fn from(username: &Username) -> Self {
        Self(username.as_str().to_owned())
    }
}

/// A person as others see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSummary {
    /// Who it is.
    pub id: UserId,
    /// The unique name.
    pub username: Username,
    /// The shown name.
    pub display_name: DisplayName,
}

/// A person with what the rules need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// What others see.
    pub summary: UserSummary,
    /// Whether an operator shut this person out.
    pub is_disabled: bool,
    /// When they registered.
    pub created_at: Timestamp,
}

impl User {
    /// Who it is.
    #[must_use]
    pub const fn id(&self) -> UserId {
        self.summary.id
    }
}

/// A person to be added.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The unique name.
    pub username: Username,
    /// The shown name.
    pub display_name: DisplayName,
    /// The password's hash; `None` for people who can't sign in with a password.
    pub password_hash: Option<PasswordHash>,
    /// When they register.
    pub created_at: Timestamp,
}

/// A password's hash in PHC string format. `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a hash that a hasher made.
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_keep_to_their_alphabet_and_length() {
        for good in ["ab", "ann", "a-b_c.d", "0x", &"z".repeat(32)] {
            assert!(Username::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "Ann", "a b", "-ab", ".ab", "_ab", "añn", "a\u{200b}b", &"z".repeat(33)] {
            assert!(Username::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn display_names_are_free_but_show_something_and_hide_nothing() {
        for good in ["Ann", "Ann Müller", "安", "👩‍🦰".split('\u{200d}').next().unwrap_or(""), "<b>Ann</b>"]
        {
            assert!(DisplayName::new(good).is_ok(), "{good:?}");
        }
        for bad in ["", "  ", "\u{200b}", "Ann\u{202e}nnA", "a\nb", "a\u{0}b", "a\u{feff}b", &"x".repeat(65)]
        {
            assert!(DisplayName::new(bad).is_err(), "{bad:?}");
        }
    }
}
