//! `ack`: done, and stored where there was something to store.

use chat_domain::{MessageId, MessageSent, RoomName, Seq, Timestamp};
use serde::{Deserialize, Serialize};

/// The answer to what has nothing else to tell. For a send it names the message, the same at every retry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ack {
    /// The room of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomName>,
    /// The number of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// The message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// When it was stored, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

impl Ack {
    /// The acknowledgement of a stored message.
    #[must_use]
    pub fn of_message(room: RoomName, sent: &MessageSent) -> Self {
        Self {
            room: Some(room),
            seq: Some(sent.message.seq),
            message_id: Some(sent.message.id),
            created_at: Some(sent.message.created_at),
        }
    }
}
