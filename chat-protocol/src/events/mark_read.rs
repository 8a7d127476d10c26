//! `mark_read` and `read_marker`: how far somebody has read.

use chat_domain::{RoomName, Seq};
use serde::{Deserialize, Serialize};

/// Moves the read position forward; one that is further already stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkRead {
    /// In which room.
    pub room: RoomName,
    /// The last change that was read.
    pub seq: Seq,
}

/// The person read on another connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMarker {
    /// In which room.
    pub room: RoomName,
    /// How far.
    pub read_seq: Seq,
    /// How many messages are unread; 100 means "more than 99".
    pub unread: u32,
}
