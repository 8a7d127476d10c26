//! The list of rooms, as one person sees it.

use std::collections::HashMap;

use crate::limits::{ROOMS_JOINED_MAX, ROOMS_LISTED_MAX, UNREAD_COUNTED_MAX};
use crate::{Participant, Repository, RepositoryError, Room, RoomId, UserId};

/// A room as one person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomListing {
    /// The room.
    pub room: Room,
    /// The person's membership, if there is one.
    pub participant: Option<Participant>,
    /// How many unread messages the person has, counted up to [`UNREAD_COUNTED_MAX`].
    pub unread: u32,
}

/// Lists the active rooms. Unread counts are derived from the stored messages, never kept.
///
/// # Errors
/// If the store fails.
pub fn get_rooms<R: Repository + ?Sized>(
    repository: &mut R,
    user_id: UserId,
) -> Result<Vec<RoomListing>, RepositoryError> {
    let rooms = repository.list_active_rooms(ROOMS_LISTED_MAX)?;
    let mut memberships: HashMap<RoomId, Participant> = repository
        .list_participations(user_id, ROOMS_JOINED_MAX)?
        .into_iter()
        .map(|participant| (participant.room_id, participant))
        .collect();
    rooms
        .into_iter()
        .map(|room| {
            let participant = memberships.remove(&room.id);
            let unread = match &participant {
                Some(participant) if participant.read_seq < room.last_seq => {
                    repository.count_unread(room.id, user_id, participant.read_seq, UNREAD_COUNTED_MAX)?
                }
                _ => 0,
            };
            Ok(RoomListing { room, participant, unread })
        })
        .collect()
}
