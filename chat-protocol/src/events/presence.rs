//! `user_joined`, `user_left` and `presence`: who is connected to a room. Best effort; a number of them may be lost.

use chat_domain::{LeaveReason, RoomName};
use serde::{Deserialize, Serialize};

use crate::{Participant, User};

/// Somebody became present with a first connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserJoined {
    /// In which room.
    pub room: RoomName,
    /// Who.
    pub user: User,
    /// How many members the room has.
    pub members: u64,
    /// How many of them are connected.
    pub online: u64,
}

/// Somebody is no longer present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLeft {
    /// In which room.
    pub room: RoomName,
    /// Who.
    pub user: User,
    /// Why.
    pub reason: UserLeftReason,
    /// How many members the room has.
    pub members: u64,
    /// How many of them are connected.
    pub online: u64,
}

/// Why somebody is no longer present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserLeftReason {
    /// The last connection ended.
    Offline,
    /// They ended their membership.
    Left,
    /// Somebody else ended it.
    Removed,
    /// A reason of a newer server.
    #[serde(other)]
    Unknown,
}

impl From<LeaveReason> for UserLeftReason {
    fn from(reason: LeaveReason) -> Self {
        match reason {
            LeaveReason::Offline => Self::Offline,
            LeaveReason::Left => Self::Left,
            LeaveReason::Removed => Self::Removed,
        }
    }
}

/// Who is present, afresh: presence was dropped, or more than 50 people changed at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// In which room.
    pub room: RoomName,
    /// At most 200 participants, those online first. Takes the place of the list that the client holds.
    pub participants: Vec<Participant>,
    /// How many members the room has.
    pub members: u64,
    /// How many of them are connected.
    pub online: u64,
}
