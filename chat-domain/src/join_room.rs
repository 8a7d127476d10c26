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
