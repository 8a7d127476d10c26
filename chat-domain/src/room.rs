//! Rooms: themed places to talk, each with one counter that numbers its durable changes.

use crate::limits::{ANNOUNCED_MEMBERS_MAX, ROOM_DESCRIPTION_CHARS_MAX, ROOM_NAME_CHARS};
use crate::text::{check_characters, check_length, check_name, validated_text};
use crate::{RoomId, Seq, Timestamp};

/// A room's unique name: `[a-z0-9][a-z0-9._-]*`, 1 to 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(String);

validated_text!(RoomName, |text| check_name("room name", text, ROOM_NAME_CHARS));

/// What a room is about: free Unicode, up to 500 characters, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RoomDescription(String);

validated_text!(RoomDescription, |text| {
    const WHAT: &str = "room description";
    check_length(WHAT, "characters", text.chars().count(), 0..=ROOM_DESCRIPTION_CHARS_MAX)?;
    check_characters(WHAT, text, "no control characters", |c| !c.is_control())
});

/// A room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Which room.
    pub id: RoomId,
    /// Its unique name.
    pub name: RoomName,
    /// What it is about.
    pub description: RoomDescription,
    /// When it was made.
    pub created_at: Timestamp,
    /// `false` once it is archived: nobody joins, reads or writes.
    pub is_active: bool,
    /// The number of its last durable change.
    pub last_seq: Seq,
    /// How many members it has.
    pub members: i64,
    /// The room's setting: whether becoming or ceasing to be a member writes a message.
    pub announces_members: bool,
}

impl Room {
    /// Whether a change of membership writes a message, given how many members there are after it.
    #[must_use]
    pub const fn announces_at(&self, members: i64) -> bool {
        self.announces_members && members <= ANNOUNCED_MEMBERS_MAX
    }
}

/// A room to be added.
#[derive(Debug, Clone)]
pub struct NewRoom {
    /// Its unique name.
    pub name: RoomName,
    /// What it is about.
    pub description: RoomDescription,
    /// When it is made.
    pub created_at: Timestamp,
    /// Whether becoming or ceasing to be a member writes a message.
    pub announces_members: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_names_keep_to_their_alphabet_and_length() {
        for good in ["g", "general", "workout-tips", &"r".repeat(100)] {
            assert!(RoomName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "General", "a b", "-a", "a/b", &"r".repeat(101)] {
            assert!(RoomName::new(bad).is_err(), "{bad:?}");
        }
    }
}
