//! Paging back through a room's messages.

use crate::history::Page;
use crate::limits::usize_of;
use crate::read_room::ReadRoomError;
use crate::{Repository, RoomId, Seq, UserId, access_room};

/// Who pages back in which room, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetHistory {
    /// Who.
    pub user_id: UserId,
    /// In which room.
    pub room_id: RoomId,
    /// Below which number, exclusive.
    pub before: Seq,
    /// How many messages, at most.
    pub limit: u32,
}

/// Reads messages below a number: as many as were asked for, up to 128 KiB and at least one.
///
/// # Errors
/// [`ReadRoomError::Access`] if the person is no member of the room.
pub fn get_history<R: Repository + ?Sized>(
    repository: &mut R,
    request: GetHistory,
) -> Result<Page, ReadRoomError> {
    let GetHistory { user_id, room_id, before, limit } = request;
    let room = repository.find_room(room_id)?;
    let member = repository.find_members(&[(room_id, user_id)])?.pop().flatten();
    access_room(room.as_ref(), member.as_ref())?;
    let newest_first = repository.list_messages(room_id, Some(before), limit.saturating_add(1))?;
    Ok(Page::from_newest_first(newest_first, usize_of(limit)))
}
