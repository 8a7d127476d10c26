//! Moving one's read position forward.

use thiserror::Error;

use crate::batch::{Applied, Batch, Command, CommandError, Outcome, commit_one};
use crate::{AccessError, Repository, RepositoryError, RoomId, Seq, Timestamp, UserId, access_room};

/// Who has read which room how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkRead {
    /// Who.
    pub user_id: UserId,
    /// Which room.
    pub room_id: RoomId,
    /// The last change that was read; what lies beyond the room's end counts as the end.
    pub seq: Seq,
}

/// A read position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadMarked {
    /// In which room.
    pub room_id: RoomId,
    /// Whose.
    pub user_id: UserId,
    /// Where it is. Never falls.
    pub read_seq: Seq,
    /// How many unread messages are above it, counted up to [`crate::limits::UNREAD_COUNTED_MAX`].
    pub unread: u32,
}

/// Why a read position did not move.
#[derive(Debug, Error)]
pub enum MarkReadError {
    /// There is no membership.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Moves a read position forward; one that is further already stays.
///
/// # Errors
/// [`MarkReadError`]; then nothing is stored.
pub fn mark_read<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    request: MarkRead,
) -> Result<ReadMarked, MarkReadError> {
    match commit_one(repository, now, Command::MarkRead(request)) {
        Ok(Outcome::ReadMarked(marked)) => Ok(marked),
        Err(CommandError::MarkRead(error)) => Err(error),
        Err(CommandError::Repository(error)) => Err(error.into()),
        other => Err(RepositoryError::Internal(format!("a mark came to {other:?}")).into()),
    }
}

pub(crate) fn apply(batch: &mut Batch, request: &MarkRead) -> Result<Applied, MarkReadError> {
    let MarkRead { user_id, room_id, seq } = *request;
    access_room(batch.room(room_id), batch.member(room_id, user_id))?;
    let last_seq = batch.room(room_id).map_or(Seq::ZERO, |room| room.last_seq);
    let read_seq = batch.raise_read_seq(room_id, user_id, seq.min(last_seq));
    Ok(Applied::Read { room_id, user_id, read_seq })
}
