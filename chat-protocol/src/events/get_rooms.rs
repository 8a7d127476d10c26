//! `get_rooms` and `rooms_list`: the rooms, as one person sees them.

use serde::{Deserialize, Serialize};

use crate::RoomEntry;

/// The rooms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomsList {
    /// The active rooms, in the order in which they were made.
    pub rooms: Vec<RoomEntry>,
}
