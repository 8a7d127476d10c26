//! Paging back through a room's messages.

use crate::history::Page;
use crate::join_room::{JoinRoom, JoinRoomError, usize_of};
use crate::{Repository, Seq, access_room};

/// Reads up to `limit` messages below `before`, up to 128 KiB and at least one.
///
/// # Errors
/// [`JoinRoomError::Access`] if the person is no member of the room.
pub fn get_history<R: Repository + ?Sized>(
    repository: &mut R,
    request: JoinRoom,
    before: Seq,
    limit: u32,
) -> Result<Page, JoinRoomError> {
    let JoinRoom { user_id, room_id } = request;
    let room = repository.find_room(room_id)?;
    let member = repository.find_members(&[(room_id, user_id)])?.pop().flatten();
    access_room(room.as_ref(), member.as_ref())?;
    let newest_first = repository.list_messages(room_id, Some(before), limit.saturating_add(1))?;
    Ok(Page::from_newest_first(newest_first, usize_of(limit)))
}
