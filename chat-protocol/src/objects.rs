//! The objects that several events carry.

use chat_domain::participant::ListedParticipant;
use chat_domain::{
    DisplayName, MessageId, MessageKey, MessageKind, RoomDescription, RoomName, Seq, Timestamp, UserId,
    UserSummary, Username, limits,
};
use serde::{Deserialize, Deserializer, Serialize};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// The unique name.
    pub username: Username,
    /// The shown name.
    pub display_name: DisplayName,
}

impl From<UserSummary> for User {
    fn from(user: UserSummary) -> Self {
        Self { id: user.id, username: user.username, display_name: user.display_name }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Which message.
    pub id: MessageId,
    /// Its place in the room's order.
    pub seq: Seq,
    /// The number of its last change. A message replaces a held one only if this is greater.
    pub changed_seq: Seq,
    /// Who wrote it; `null` for the application.
    pub user: Option<User>,
    /// What it says: plain text, never markup.
    pub body: String,
    /// `text`, `system`, `join` or `leave`; a kind of a newer server is read as `system`, which is a notice.
    #[serde(deserialize_with = "known_kind")]
    pub kind: MessageKind,
    /// When it was stored, in Unix milliseconds.
    pub created_at: Timestamp,
    /// When it was last edited, in Unix milliseconds.
    pub edited_at: Option<Timestamp>,
    /// The sender's idempotency key; `null` for comings and goings.
    pub key: Option<MessageKey>,
}

impl From<chat_domain::Message> for Message {
    fn from(message: chat_domain::Message) -> Self {
        Self {
            id: message.id,
            seq: message.seq,
            changed_seq: message.changed_seq,
            user: message.author.map(User::from),
            body: message.body,
            kind: message.kind,
            created_at: message.created_at,
            edited_at: message.edited_at,
            key: message.key,
        }
    }
}

fn known_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MessageKind, D::Error> {
    let name = String::deserialize(deserializer)?;
    Ok(MessageKind::from_name(&name).unwrap_or(MessageKind::System))
}

/// An entry in a list of participants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Who.
    pub user: User,
    /// Whether they are connected.
    pub is_online: bool,
    /// When they were last connected, in Unix milliseconds.
    pub last_active: Timestamp,
}

impl From<ListedParticipant> for Participant {
    fn from(participant: ListedParticipant) -> Self {
        Self {
            user: participant.user.into(),
            is_online: participant.is_online,
            last_active: participant.last_active,
        }
    }
}

/// What kind of room it is. Clients bear with kinds that they don't know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// Everybody may join.
    Open,
    /// A kind of a newer server.
    #[serde(other)]
    Unknown,
}

/// A room as the asking person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomEntry {
    /// Its unique name.
    pub name: RoomName,
    /// What it is about.
    pub description: RoomDescription,
    /// What kind of room it is.
    pub kind: RoomKind,
    /// Whether the person is a member.
    pub joined: bool,
    /// The number of its last change.
    pub last_seq: Seq,
    /// How far the person has read.
    pub read_seq: Seq,
    /// How many messages the person has not read; 100 means "more than 99".
    pub unread: u32,
    /// How many members it has.
    pub members: u64,
    /// How many members are connected.
    pub online: u64,
}

/// The limits that a client should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes in a message's body, at most.
    pub body_bytes_max: usize,
    /// Bytes in a frame, at most.
    pub frame_bytes_max: usize,
    /// Characters in an idempotency key, at most.
    pub key_chars_max: usize,
    /// Messages in a history page, at most.
    pub history_limit_max: u32,
    /// Changes in a resume, at most; beyond it comes a reset.
    pub resume_changes_max: u32,
    /// Rooms that one person may be a member of, at most.
    pub rooms_joined_max: u32,
    /// Milliseconds between two starts of typing in a room, at least.
    pub typing_start_interval_ms: i64,
    /// Milliseconds that an indication of typing lives without being renewed.
    pub typing_expiry_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: limits::BODY_BYTES_MAX,
            frame_bytes_max: crate::FRAME_BYTES_MAX,
            key_chars_max: limits::KEY_CHARS_MAX,
            history_limit_max: limits::PAGE_MESSAGES_MAX,
            resume_changes_max: limits::RESUME_CHANGES_MAX,
            rooms_joined_max: limits::ROOMS_JOINED_MAX,
            typing_start_interval_ms: limits::TYPING_START_INTERVAL_MS,
            typing_expiry_ms: limits::TYPING_EXPIRY_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_kind_of_a_newer_server_is_a_notice() {
        let message: Message = serde_json::from_str(
            r#"{"id":"1","seq":1,"changed_seq":1,"user":null,"body":"?","kind":"poll","created_at":1,"edited_at":null,"key":null}"#,
        )
        .unwrap();
        assert_eq!(message.kind, MessageKind::System);
    }
}
