//! Messages: what was said, in which place of the room's order.

use crate::limits::{BODY_BYTES_MAX, KEY_CHARS_MAX, usize_of};
use crate::text::{check_characters, check_length, is_visible, validated_text};
use crate::{MessageId, RoomId, Seq, Timestamp, UserId, UserSummary, ValueError};

/// What a person wrote: 1 to 8,192 bytes with something visible in it, no control characters but tab and newline.
/// Kept as it was typed; escaping belongs to whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Body(String);

validated_text!(Body, |text| {
    const WHAT: &str = "message";
    check_length(WHAT, "bytes", text.len(), 0..=BODY_BYTES_MAX)?;
    if !is_visible(text) {
        return Err(ValueError::Empty { what: WHAT });
    }
    check_characters(WHAT, text, "no control characters but tab and newline", |c| {
        !c.is_control() || c == '\t' || c == '\n'
    })
});

/// The sender's idempotency key: 1 to 64 printable ASCII characters, unique per person over all rooms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey(String);

validated_text!(MessageKey, |text| {
    const WHAT: &str = "key";
    if text.is_empty() {
        return Err(ValueError::Empty { what: WHAT });
    }
    check_length(WHAT, "characters", text.chars().count(), 1..=KEY_CHARS_MAX)?;
    check_characters(WHAT, text, "printable ASCII", |c| c == ' ' || c.is_ascii_graphic())
});

/// What kind of entry a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Somebody wrote it.
    Text,
    /// The application wrote it.
    System,
    /// Somebody became a member.
    Join,
    /// Somebody ceased to be a member.
    Leave,
}

impl MessageKind {
    /// The stable name, as stored and as sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::System => "system",
            Self::Join => "join",
            Self::Leave => "leave",
        }
    }

    /// The kind with that stable name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Text, Self::System, Self::Join, Self::Leave].into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether a message of this kind counts as unread. Comings and goings don't.
    #[must_use]
    pub const fn counts_as_unread(self) -> bool {
        matches!(self, Self::Text | Self::System)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for MessageKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for MessageKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom("unknown kind of message"))
    }
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Which message.
    pub id: MessageId,
    /// In which room.
    pub room_id: RoomId,
    /// Its place in the room's order, given when it was stored.
    pub seq: Seq,
    /// The number of its last change; equals `seq` until it is edited.
    pub changed_seq: Seq,
    /// Who wrote it; `None` for the application.
    pub author: Option<UserSummary>,
    /// What it says.
    pub body: String,
    /// What kind of entry it is.
    pub kind: MessageKind,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// The sender's idempotency key; comings and goings have none.
    pub key: Option<MessageKey>,
}

/// What the names of a message's fields and the marks between them cost in a page, at most.
const PAGE_FIELDS_BYTES: usize = 160;

impl Message {
    /// An upper bound of this message's size in a page, in bytes, whatever plain text format carries it: numbers are
    /// written out, and what may have to be escaped in a text counts twice. It is close, so that many short messages
    /// fit into one answer.
    #[must_use]
    pub fn page_bytes(&self) -> usize {
        let (user_id, username, display_name) = self.author.as_ref().map_or((0, "", ""), |author| {
            (author.id.get(), author.username.as_str(), author.display_name.as_str())
        });
        let edited_at = self.edited_at.map_or(0, Timestamp::unix_ms);
        let (seq, changed_seq, created_at) =
            (self.seq.get(), self.changed_seq.get(), self.created_at.unix_ms());
        let numbers = [self.id.get(), seq, changed_seq, user_id, created_at, edited_at];
        let key = self.key.as_ref().map_or("", MessageKey::as_str);
        let texts = [&self.body, username, display_name, key];
        PAGE_FIELDS_BYTES
            + numbers.into_iter().map(digits).sum::<usize>()
            + texts.into_iter().map(escaped_bytes).sum::<usize>()
    }
}

/// How long a number is when it is written out.
fn digits(number: i64) -> usize {
    let digits = number.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
    usize::from(number < 0) + usize_of(digits)
}

fn escaped_bytes(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\t')).count()
}

/// A message that has its number and waits to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// In which room.
    pub room_id: RoomId,
    /// Its place in the room's order.
    pub seq: Seq,
    /// Who wrote it; `None` for the application.
    pub user_id: Option<UserId>,
    /// What it says.
    pub body: String,
    /// What kind of entry it is.
    pub kind: MessageKind,
    /// When it is stored.
    pub created_at: Timestamp,
    /// The sender's idempotency key.
    pub key: Option<MessageKey>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_show_something_and_stay_within_their_bytes() {
        for good in ["hi", " hi ", "a\tb\nc", "<script>", "👍", &"x".repeat(8_192), &"ä".repeat(4_096)] {
            assert!(Body::new(good).is_ok(), "{}", good.len());
        }
        for bad in ["", " \n\t", "\u{200b}\u{feff}", "a\u{0}b", "a\rb", "a\u{1b}[1m", &"x".repeat(8_193)] {
            assert!(Body::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_text_of_an_error_names_the_thing_and_the_limit() {
        let error = Body::new("x".repeat(9_120)).unwrap_err();
        assert_eq!(error.to_string(), "message has 9120 bytes; 0 to 8192 are allowed");
    }

    #[test]
    fn keys_are_printable_ascii() {
        assert!(MessageKey::new("0198f1c2-7b1e").is_ok());
        for bad in ["", "é", "a\nb", &"k".repeat(65)] {
            assert!(MessageKey::new(bad).is_err(), "{bad:?}");
        }
    }
}
