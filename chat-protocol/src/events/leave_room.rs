//! `leave_room` and `room_left`: the end of a membership, on all the person's connections.

use chat_domain::RoomName;
use serde::{Deserialize, Serialize};

/// Ends the membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveRoom {
    /// Of which room.
    pub room: RoomName,
}

/// The membership ended; this connection hears nothing more of the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomLeft {
    /// Of which room.
    pub room: RoomName,
    /// Why.
    pub reason: RoomLeftReason,
}

/// Why a membership ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomLeftReason {
    /// The person ended it, on this connection or another one.
    Left,
    /// Somebody else ended it.
    Removed,
    /// The room was archived.
    Archived,
    /// A reason of a newer server.
    #[serde(other)]
    Unknown,
}
