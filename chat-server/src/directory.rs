//! The rooms as this node knows them: names to ids and back. Obeys the control log alone.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chat_domain::{AccessError, Room, RoomId, RoomName};

use crate::node::metrics::RoomCounts;

/// What the node keeps of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownRoom {
    pub(crate) id: RoomId,
    pub(crate) name: RoomName,
    pub(crate) is_active: bool,
}

/// Rooms by name and by id, and how many members they had when that was last heard of.
#[derive(Debug, Default)]
pub(crate) struct Directory(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<RoomName, KnownRoom>,
    names: HashMap<RoomId, RoomName>,
    members: HashMap<RoomId, i64>,
}

impl Directory {
    /// Replaces what is known.
    pub(crate) fn replace(&self, rooms: Vec<Room>) {
        let mut known = Known::default();
        for room in rooms {
            known.names.insert(room.id, room.name.clone());
            known.members.insert(room.id, room.members);
            let room = KnownRoom { id: room.id, name: room.name.clone(), is_active: room.is_active };
            known.by_name.insert(room.name.clone(), room);
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// The id of an active room. Refuses early; the store's transaction decides.
    pub(crate) fn room(&self, name: &RoomName) -> Result<RoomId, AccessError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let room = known.by_name.get(name).ok_or(AccessError::UnknownRoom)?;
        if room.is_active { Ok(room.id) } else { Err(AccessError::RoomArchived) }
    }

    /// The id of a room, archived or not: whether it takes what is meant for it, the store's transaction says.
    pub(crate) fn any_room(&self, name: &RoomName) -> Result<RoomId, AccessError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.by_name.get(name).map(|room| room.id).ok_or(AccessError::UnknownRoom)
    }

    /// How many rooms there are.
    pub(crate) fn counts(&self) -> RoomCounts {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let active = known.by_name.values().filter(|room| room.is_active).count();
        RoomCounts { active, archived: known.by_name.len().saturating_sub(active) }
    }

    /// The name of a room.
    pub(crate) fn name(&self, id: RoomId) -> Option<RoomName> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).names.get(&id).cloned()
    }

    /// How many members a room has, as far as this node has heard.
    pub(crate) fn members(&self, id: RoomId) -> u64 {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.members.get(&id).copied().and_then(|members| u64::try_from(members).ok()).unwrap_or(0)
    }

    /// Hears how many members a room has.
    pub(crate) fn set_members(&self, id: RoomId, members: i64) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).members.insert(id, members);
    }
}
