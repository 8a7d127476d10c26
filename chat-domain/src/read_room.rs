//! Reading what a member sees of a room at one moment: the last messages, or what changed since a position.

use thiserror::Error;

use crate::history::{Page, Position, fitting};
use crate::limits::{PAGE_MESSAGES_DEFAULT, PARTICIPANTS_LISTED_MAX, RESUME_CHANGES_MAX, usize_of};
use crate::participant::ListedParticipant;
use crate::{AccessError, Message, Repository, RepositoryError, Room, RoomId, Seq, UserId, access_room};

/// Who reads which room, and how much of it they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRoom {
    /// Who.
    pub user_id: UserId,
    /// Which room.
    pub room_id: RoomId,
    /// How far they hold it; `None` if they hold nothing.
    pub position: Option<Position>,
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

/// Why a room was not read.
#[derive(Debug, Error)]
pub enum ReadRoomError {
    /// The room is not open to this person.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Reads what a member sees of a room; with a position only what changed since, or all of it, or a reset.
///
/// # Errors
/// [`ReadRoomError::Access`] if the person is no member.
pub fn read_room<R: Repository + ?Sized>(
    repository: &mut R,
    request: &ReadRoom,
) -> Result<RoomSnapshot, ReadRoomError> {
    let ReadRoom { user_id, room_id, ref position } = *request;
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
