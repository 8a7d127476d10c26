//! `send_message`, `new_message` and `changed`: saying something, once.

use chat_domain::{Body, MessageKey, RoomName, Seq};
use serde::{Deserialize, Serialize};

use crate::Message;

/// Sends a message. A retry with the same key gets the same `ack`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendMessage {
    /// Where to.
    pub room: RoomName,
    /// What it says.
    pub body: Body,
    /// The idempotency key, unique per person over all rooms.
    pub key: MessageKey,
}

/// A message was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMessage {
    /// In which room.
    pub room: RoomName,
    /// The number of this change: the last one plus one, or something was missed.
    pub seq: Seq,
    /// The message.
    pub message: Message,
}

/// A number without content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// In which room.
    pub room: RoomName,
    /// The number of this change.
    pub seq: Seq,
}
