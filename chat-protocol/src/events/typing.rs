//! `typing_start`, `typing_stop` and `user_typing`. Best effort, and it always ends by itself.

use chat_domain::RoomName;
use serde::{Deserialize, Serialize};

use crate::User;

/// The person types, or no longer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// In which room.
    pub room: RoomName,
}

/// Somebody types, or no longer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserTyping {
    /// In which room.
    pub room: RoomName,
    /// Who.
    pub user: User,
    /// Whether they type now.
    pub is_typing: bool,
}
