//! Becoming a member of a room, and reading what a member sees of it at one moment.

use thiserror::Error;

use crate::batch::{Applied, Batch, Command, CommandError, Outcome, commit_one};
use crate::history::{Page, Position, fitting};
use crate::limits::{PAGE_MESSAGES_DEFAULT, PARTICIPANTS_LISTED_MAX, RESUME_CHANGES_MAX, ROOMS_JOINED_MAX};
use crate::participant::ListedParticipant;
use crate::{
    AccessError, Message, MessageKind, Participant, Repository, RepositoryError, Room, RoomId, Seq,
    Timestamp, UserId, access::enter_room, access_room,
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
    // The limit is there to bound lists and memory; two joins in one batch may pass it by one.
    if repository.list_participations(user_id, ROOMS_JOINED_MAX)?.len() >= usize_of(ROOMS_JOINED_MAX) {
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

/// What a member sees of a room at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSnapshot {
    /// The room, with the number of its last change and of its members.
    pub room: Room,
    /// The epoch of the numbers.
    pub epoch: String,
    /// The participants that the store knows, a bounded number of them.
    pub participants: Vec<ListedParticipant>,
    /// After a resume what changed since, ascending by `changed_seq`; else the last messages, ascending by `seq`.
    pub messages: Vec<Message>,
    /// Whether older messages exist before the first one here.
    pub has_more: bool,
    /// Whether the client must drop what it holds of the room, because the resume would not be whole.
    pub reset: bool,
}

/// Reads what a member sees of a room; with a position only what changed since, or all of it, or a reset.
///
/// # Errors
/// [`JoinRoomError::Access`] if the person is no member.
pub fn room_snapshot<R: Repository + ?Sized>(
    repository: &mut R,
    request: JoinRoom,
    position: Option<&Position>,
) -> Result<RoomSnapshot, JoinRoomError> {
    let JoinRoom { user_id, room_id } = request;
    let room = repository.find_room(room_id)?;
    let member = repository.find_members(&[(room_id, user_id)])?.pop().flatten();
    access_room(room.as_ref(), member.as_ref())?;
    let room = room.ok_or(AccessError::UnknownRoom)?;
    let epoch = repository.epoch()?;
    let participants = repository.list_participants(room_id, PARTICIPANTS_LISTED_MAX)?;
    let resumed = match position {
        Some(position) => resume(repository, &room, &epoch, position)?,
        None => None,
    };
    let reset = resumed.is_none() && position.is_some();
    let page = match resumed {
        Some(page) => page,
        None => {
            let limit = PAGE_MESSAGES_DEFAULT;
            let newest_first = repository.list_messages(room_id, None, limit + 1)?;
            Page::from_newest_first(newest_first, usize_of(limit))
        }
    };
    Ok(RoomSnapshot { room, epoch, participants, messages: page.messages, has_more: page.has_more, reset })
}

/// All that changed after a position, or `None` if that is more than one answer carries.
fn resume<R: Repository + ?Sized>(
    repository: &mut R,
    room: &Room,
    epoch: &str,
    position: &Position,
) -> Result<Option<Page>, RepositoryError> {
    let is_other_epoch = position.epoch.as_deref().is_some_and(|held| held != epoch);
    if is_other_epoch || position.after > room.last_seq || position.after < Seq::ZERO {
        return Ok(None);
    }
    let messages = repository.list_changes(room.id, position.after, RESUME_CHANGES_MAX + 1)?;
    if messages.len() > usize_of(RESUME_CHANGES_MAX) || fitting(&messages) < messages.len() {
        return Ok(None);
    }
    let first = messages.iter().map(|message| message.seq).min();
    let has_more = match first {
        Some(first) => !repository.list_messages(room.id, Some(first), 1)?.is_empty(),
        None => room.last_seq > Seq::ZERO,
    };
    Ok(Some(Page { messages, has_more }))
}

/// A small limit as a length.
pub(crate) fn usize_of(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
