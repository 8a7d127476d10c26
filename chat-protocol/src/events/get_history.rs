//! `get_history` and `history`: paging back.

use chat_domain::{RoomName, Seq};
use serde::{Deserialize, Serialize};

use crate::Message;

/// Asks for the messages below a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetHistory {
    /// In which room.
    pub room: RoomName,
    /// Below which number, exclusive.
    pub before: Seq,
    /// How many, 1 to 100; 50 if it is missing.
    #[serde(default = "default_limit")]
    pub limit: u32,
}

pub(crate) const fn default_limit() -> u32 {
    chat_domain::limits::PAGE_MESSAGES_DEFAULT
}

/// A page of messages, ascending by `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Of which room.
    pub room: RoomName,
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether older messages exist before the first one here.
    pub has_more: bool,
}
