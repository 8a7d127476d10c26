//! The list of rooms, as one person sees it.

use std::collections::{HashMap, HashSet};

use crate::limits::{ROOMS_JOINED_MAX, ROOMS_LISTED_MAX, UNREAD_COUNTED_MAX, usize_of};
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

/// Lists the active rooms, [`ROOMS_LISTED_MAX`] of them at most: the oldest, and the person's own before others. Unread
/// counts are derived from the stored messages, never kept.
///
/// # Errors
/// If the store fails.
pub fn get_rooms<R: Repository + ?Sized>(
    repository: &mut R,
    user_id: UserId,
) -> Result<Vec<RoomListing>, RepositoryError> {
    let mut rooms = repository.list_active_rooms(ROOMS_LISTED_MAX)?;
    let mut memberships: HashMap<RoomId, Participant> = repository
        .list_participations(user_id, ROOMS_JOINED_MAX)?
        .into_iter()
        .map(|participant| (participant.room_id, participant))
        .collect();
    if rooms.len() >= usize_of(ROOMS_LISTED_MAX) {
        add_own_rooms(repository, &memberships, &mut rooms)?;
    }
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

/// Puts the rooms that the person is a member of into a full list, in the place of others.
fn add_own_rooms<R: Repository + ?Sized>(
    repository: &mut R,
    memberships: &HashMap<RoomId, Participant>,
    rooms: &mut Vec<Room>,
) -> Result<(), RepositoryError> {
    let listed: HashSet<RoomId> = rooms.iter().map(|room| room.id).collect();
    let mut own = Vec::new();
    for &id in memberships.keys().filter(|id| !listed.contains(id)) {
        own.extend(repository.find_room(id)?.filter(|room| room.is_active));
    }
    let mut surplus = own.len();
    let mut kept: Vec<Room> = Vec::with_capacity(rooms.len());
    for room in rooms.drain(..).rev() {
        if surplus > 0 && !memberships.contains_key(&room.id) {
            surplus -= 1;
        } else {
            kept.push(room);
        }
    }
    kept.extend(own);
    kept.sort_unstable_by_key(|room| room.id);
    *rooms = kept;
    Ok(())
}
