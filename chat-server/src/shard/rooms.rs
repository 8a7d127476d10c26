//! Which connections of this shard are subscribed to which room.

use std::collections::HashMap;

use chat_domain::RoomId;

/// The slots of the subscribers, by room. Each connection knows whether it is one. Adding is constant, removing costs a
/// look through one room.
#[derive(Debug, Default)]
pub(crate) struct Rooms(HashMap<RoomId, Vec<usize>>);

impl Rooms {
    /// Adds a subscriber that is none yet.
    pub(crate) fn add(&mut self, room_id: RoomId, slot: usize) {
        self.0.entry(room_id).or_default().push(slot);
    }

    /// Removes a subscriber.
    pub(crate) fn remove(&mut self, room_id: RoomId, slot: usize) {
        let Some(slots) = self.0.get_mut(&room_id) else { return };
        if let Some(at) = slots.iter().position(|&held| held == slot) {
            slots.swap_remove(at);
        }
        if slots.is_empty() {
            self.0.remove(&room_id);
        }
    }

    /// The subscribers.
    pub(crate) fn slots(&self, room_id: RoomId) -> &[usize] {
        self.0.get(&room_id).map_or(&[], Vec::as_slice)
    }
}
