//! Ceasing to be a member of a room.

use thiserror::Error;

use crate::batch::{Applied, Batch, Command, CommandError, Outcome, commit_one};
use crate::{
    AccessError, ControlAction, ControlSeq, Message, MessageKind, Repository, RepositoryError, RoomId,
    Timestamp, UserId, access_room,
};

/// Who leaves which room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaveRoom {
    /// Who.
    pub user_id: UserId,
    /// Which room.
    pub room_id: RoomId,
}

/// An ended membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomLeft {
    /// How many members the room has left.
    pub members: i64,
    /// The message that announces it, where the room writes one.
    pub message: Option<Message>,
    /// The entry of the control log that says so.
    pub control_seq: ControlSeq,
}

/// Why a membership did not end.
#[derive(Debug, Error)]
pub enum LeaveRoomError {
    /// There is no membership to end.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Ends a membership on all devices of the person, and says so in the control log.
///
/// # Errors
/// [`LeaveRoomError`]; then nothing is stored.
pub fn leave_room<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    request: LeaveRoom,
) -> Result<RoomLeft, LeaveRoomError> {
    match commit_one(repository, now, Command::LeaveRoom(request)) {
        Ok(Outcome::RoomLeft(left)) => Ok(left),
        Err(CommandError::LeaveRoom(error)) => Err(error),
        Err(CommandError::Repository(error)) => Err(error.into()),
        other => Err(RepositoryError::Internal(format!("a leave came to {other:?}")).into()),
    }
}

pub(crate) fn apply(batch: &mut Batch, request: &LeaveRoom) -> Result<Applied, LeaveRoomError> {
    let LeaveRoom { user_id, room_id } = *request;
    let member = batch.member(room_id, user_id).cloned();
    access_room(batch.room(room_id), member.as_ref())?;
    let (Some(room), Some(member)) = (batch.room(room_id).cloned(), member) else {
        return Err(AccessError::NotAMember.into());
    };
    let members = batch.set_membership(room_id, user_id, None);
    let message = room.announces_at(members).then(|| {
        let body = "left the room".to_owned();
        batch.add_message(room_id, &member.user.summary, MessageKind::Leave, body, None)
    });
    let entry = batch.add_control(ControlAction::MemberLeft { room_id, user_id });
    Ok(Applied::Left { members, message: message.flatten(), entry })
}
