//! `join_room` and `room_joined`: membership, subscription and catching up in one.

use chat_domain::{RoomName, Seq};
use serde::{Deserialize, Serialize};

use crate::{Message, Participant};

/// Becomes a member of a room and subscribes this connection to it; with `after` it resumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRoom {
    /// Which room.
    pub room: RoomName,
    /// The last change that the client holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// The epoch of what the client holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
}

/// What a member sees of the room at the moment of joining.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomJoined {
    /// Which room.
    pub room: RoomName,
    /// The epoch of the numbers.
    pub epoch: String,
    /// The number of the last change that is in here; the live events continue after it.
    pub last_seq: Seq,
    /// How many members the room has.
    pub members: u64,
    /// How many of them are connected.
    pub online: u64,
    /// At most 200 participants, those online first.
    pub participants: Vec<Participant>,
    /// Without `after` the last 50 messages, ascending by `seq`; with it what changed since, ascending by
    /// `changed_seq`.
    pub messages: Vec<Message>,
    /// Whether older messages exist before the first one here.
    pub has_more: bool,
    /// Whether the client must drop what it holds of the room and take these messages instead.
    pub reset: bool,
}
