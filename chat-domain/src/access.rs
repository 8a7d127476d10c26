//! Permissions: the one door to a room. Every use case that touches a room goes through [`access_room`].

use thiserror::Error;

use crate::{Member, Participant, Room};

/// Why somebody may not do something in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AccessError {
    /// There is no such room.
    #[error("there is no such room")]
    UnknownRoom,
    /// The room is archived.
    #[error("the room is archived")]
    RoomArchived,
    /// The person is shut out, or unknown.
    #[error("this account may not do that")]
    Forbidden,
    /// The person is not a member of the room.
    #[error("you are not a member of the room")]
    NotAMember,
}

/// Lets a member into a room.
///
/// # Errors
/// The first of: no such room, archived, shut out, not a member.
pub fn access_room<'m>(
    room: Option<&Room>,
    member: Option<&'m Member>,
) -> Result<&'m Participant, AccessError> {
    enter_room(room, member)?;
    member.and_then(|member| member.participant.as_ref()).ok_or(AccessError::NotAMember)
}

/// Lets anybody who is not shut out to the threshold of a room, to become a member.
///
/// # Errors
/// The first of: no such room, archived, shut out.
pub fn enter_room<'m>(room: Option<&Room>, member: Option<&'m Member>) -> Result<&'m Member, AccessError> {
    let room = room.ok_or(AccessError::UnknownRoom)?;
    if !room.is_active {
        return Err(AccessError::RoomArchived);
    }
    member.filter(|member| !member.user.is_disabled).ok_or(AccessError::Forbidden)
}
