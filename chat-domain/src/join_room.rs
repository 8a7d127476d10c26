//! Becoming a member of a room.

use thiserror::Error;

use crate::batch::{Applied, Batch, Command, CommandError, Outcome, commit_one};
use crate::limits::{ROOMS_JOINED_MAX, usize_of};
use crate::{
    AccessError, Message, MessageKind, Participant, Repository, RepositoryError, RoomId, Timestamp, UserId,
    access::enter_room,
};

/// Who joins which room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinRoom {
    /// Who.
    pub user_id: UserId,
    /// Which room.
    pub room_id: RoomId,
}

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomJoined {
    /// The membership.
    pub participant: Participant,
    /// How many members the room has.
    pub members: i64,
    /// Whether this very command made it.
    pub is_new: bool,
    /// The message that announces it, where the room writes one.
    pub message: Option<Message>,
}

/// Why somebody did not become a member.
#[derive(Debug, Error)]
pub enum JoinRoomError {
    /// The room is not open to this person.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The person is a member of as many rooms as allowed.
    #[error("you are a member of {ROOMS_JOINED_MAX} rooms, which is the limit")]
    TooManyRooms,
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Makes somebody a member of a room; whoever is one already stays one.
///
/// # Errors
/// [`JoinRoomError`]; then nothing is stored.
pub fn join_room<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    request: JoinRoom,
) -> Result<RoomJoined, JoinRoomError> {
    match commit_one(repository, now, Command::JoinRoom(request)) {
        Ok(Outcome::RoomJoined(joined)) => Ok(joined),
        Err(CommandError::JoinRoom(error)) => Err(error),
        Err(CommandError::Repository(error)) => Err(error.into()),
        other => Err(RepositoryError::Internal(format!("a join came to {other:?}")).into()),
    }
}

pub(crate) fn apply<R: Repository + ?Sized>(
    repository: &mut R,
    batch: &mut Batch,
    request: &JoinRoom,
) -> Result<Applied, JoinRoomError> {
    let JoinRoom { user_id, room_id } = *request;
    let member = enter_room(batch.room(room_id), batch.member(room_id, user_id))?.clone();
    let room = batch.room(room_id).ok_or(AccessError::UnknownRoom)?.clone();
    if let Some(participant) = member.participant {
        return Ok(Applied::Known(Outcome::RoomJoined(RoomJoined {
            participant,
            members: room.members,
            is_new: false,
            message: None,
        })));
    }
    let stored = repository.list_participations(user_id, ROOMS_JOINED_MAX)?.len();
    if stored + batch.joined_here(user_id) >= usize_of(ROOMS_JOINED_MAX) {
        return Err(JoinRoomError::TooManyRooms);
    }
    let now = batch.now();
    let participant = Participant {
        room_id,
        user_id,
        joined_at: now,
        last_active: now,
        is_online: false,
        read_seq: room.last_seq,
    };
    let members = batch.set_membership(room_id, user_id, Some(participant.clone()));
    let message = room.announces_at(members).then(|| {
        let body = "joined the room".to_owned();
        batch.add_message(room_id, &member.user.summary, MessageKind::Join, body, None)
    });
    Ok(Applied::Joined { participant, members, message: message.flatten() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AddRoom, DisplayName, MemoryRepository, RegisterUser, RoomDescription, RoomId, RoomName, Timestamp,
        Username, add_room, archive_room, commit_batch, register_user,
    };

    #[test]
    fn nobody_passes_the_limit_in_one_batch_and_archived_rooms_dont_count() {
        let (mut chat, now) = (MemoryRepository::new("epoch"), Timestamp::default());
        let username = Username::new("ann").unwrap();
        let display_name = DisplayName::from(&username);
        let register = RegisterUser { username, display_name, password_hash: None };
        let user_id = register_user(&mut chat, now, &register).unwrap().id();
        let name = |n: u32| RoomName::new(n.to_string()).unwrap();
        let add = |chat: &mut MemoryRepository, n: u32| -> RoomId {
            let (description, announces_members) = (RoomDescription::default(), false);
            add_room(chat, now, AddRoom { name: name(n), description, announces_members }).unwrap().id
        };
        let rooms: Vec<RoomId> = (0..ROOMS_JOINED_MAX + 1).map(|n| add(&mut chat, n)).collect();
        let joins: Vec<Command> =
            rooms.iter().map(|&room_id| Command::JoinRoom(JoinRoom { user_id, room_id })).collect();
        let results = commit_batch(&mut chat, now, &joins).unwrap();
        let refused = |result: &Result<Outcome, CommandError>| {
            matches!(result, Err(CommandError::JoinRoom(JoinRoomError::TooManyRooms)))
        };
        assert_eq!(results.iter().map(refused).filter(|&refused| refused).count(), 1);
        assert!(refused(results.last().unwrap()));
        archive_room(&mut chat, now, &name(0)).unwrap();
        let room_id = rooms[rooms.len() - 1];
        join_room(&mut chat, now, JoinRoom { user_id, room_id }).unwrap();
    }
}
