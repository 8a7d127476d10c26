//! Reading what a member sees of a room at one moment: the last messages, or what changed since a position.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use thiserror::Error;

use crate::history::{Page, Position, fitting};
use crate::limits::{PAGE_MESSAGES_DEFAULT, PARTICIPANTS_LISTED_MAX, RESUME_CHANGES_MAX, usize_of};
use crate::participant::ListedParticipant;
use crate::repository::DatabaseState;
use crate::{
    AccessError, ControlSeq, Message, Repository, RepositoryError, Room, RoomId, Seq, Timestamp, UserId,
    access_room,
};

/// Members that are asked for at once, at most.
const MEMBERS_ASKED_MAX: usize = 500;
/// Pages of a room that are kept, at most. After a restart of the server most clients hold the same.
const PAGES_KEPT_MAX: usize = 4;
/// Bytes of a page that is kept, at most, as [`Message::page_bytes`] counts them: fifty ordinary messages.
const PAGE_KEPT_BYTES_MAX: usize = 32 * 1024;
/// Milliseconds for which a room's list of participants is kept, at most. Names and presence are no promise, but
/// whoever ceased to be a member shall not stay in it.
const PARTICIPANTS_KEPT_MS: i64 = 1_000;

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
    /// The last entry of the control log: a membership that ended with a later one has not ended here.
    pub control_seq: ControlSeq,
    /// The participants that the store knows, a bounded number of them.
    pub participants: Arc<[ListedParticipant]>,
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

/// One of several who read the same room at the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomReader {
    /// Who.
    pub user_id: UserId,
    /// How far they hold the room; `None` if they hold nothing.
    pub position: Option<Position>,
}

/// Reads what a member sees of a room; with a position only what changed since, or all of it, or a reset.
///
/// # Errors
/// [`ReadRoomError::Access`] if the person is no member.
pub fn read_room<R: Repository + ?Sized>(
    repository: &mut R,
    request: &ReadRoom,
) -> Result<RoomSnapshot, ReadRoomError> {
    let ReadRoom { user_id, room_id, position } = request.clone();
    // What is kept for nobody needs no time.
    let read = read_room_together(
        repository,
        Timestamp::default(),
        room_id,
        &[RoomReader { user_id, position }],
        &mut KeptRoom::default(),
    )?
    .pop();
    Ok(Arc::unwrap_or_clone(read.unwrap_or(Err(AccessError::UnknownRoom))?))
}

/// What need not be read again of a room that was just read.
///
/// Its messages as one number of one epoch shows them: whatever changes a message takes the room's next number, so they
/// are the same in every snapshot with this number. And its list of participants, for a moment.
#[derive(Debug, Default)]
pub struct KeptRoom {
    epoch: String,
    last_seq: Seq,
    pages: HashMap<Option<Position>, ReadPage>,
    participants: Option<KeptParticipants>,
}

#[derive(Debug)]
struct KeptParticipants {
    read_at: Timestamp,
    /// How many members the room had.
    members: i64,
    list: Arc<[ListedParticipant]>,
}

impl KeptParticipants {
    fn is_of(&self, room: &Room, now: Timestamp) -> bool {
        self.members == room.members && now.ms_since(self.read_at) < PARTICIPANTS_KEPT_MS
    }
}

impl KeptRoom {
    /// Forgets the list of participants: somebody's membership began or ended.
    pub fn forget_participants(&mut self) {
        self.participants = None;
    }
}

/// A page, and whether it replaces what the client holds.
#[derive(Debug, Clone)]
struct ReadPage {
    page: Page,
    is_reset: bool,
}

/// Reads what several people see of a room, in the order in which they are given: each gets what [`read_room`] would
/// give them, and those with the same position share it. What all of them see is read once, and messages not at all
/// that are kept from an earlier reading of the same room. The list of participants may be a second old at `now`.
///
/// # Errors
/// If the store fails. Whoever is no member gets an [`AccessError`] of their own.
pub fn read_room_together<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    room_id: RoomId,
    readers: &[RoomReader],
    kept: &mut KeptRoom,
) -> Result<Vec<Result<Arc<RoomSnapshot>, AccessError>>, RepositoryError> {
    let room = repository.find_room(room_id)?;
    let keys: Vec<_> = readers.iter().map(|reader| (room_id, reader.user_id)).collect();
    let mut members = Vec::with_capacity(keys.len());
    for keys in keys.chunks(MEMBERS_ASKED_MAX) {
        members.extend(repository.find_members(keys)?);
    }
    let (mut common, mut kept) = (None, Some(kept));
    let mut snapshots: HashMap<&Option<Position>, Arc<RoomSnapshot>> = HashMap::new();
    let mut read = Vec::with_capacity(readers.len());
    for (RoomReader { position, .. }, member) in readers.iter().zip(members) {
        if let Err(error) = access_room(room.as_ref(), member.as_ref()) {
            read.push(Err(error));
            continue;
        }
        let Some(room) = &room else { continue };
        if let Some(kept) = kept.take() {
            common = Some(Common::read(repository, now, room, kept)?);
        }
        let Some(common) = &mut common else { continue };
        let snapshot = match snapshots.entry(position) {
            Entry::Occupied(held) => Arc::clone(held.get()),
            Entry::Vacant(vacant) => Arc::clone(vacant.insert(Arc::new(common.since(repository, position)?))),
        };
        read.push(Ok(snapshot));
    }
    Ok(read)
}

/// What everybody sees of a room.
struct Common<'r> {
    room: &'r Room,
    control_seq: ControlSeq,
    participants: Arc<[ListedParticipant]>,
    kept: &'r mut KeptRoom,
}

impl<'r> Common<'r> {
    fn read<R: Repository + ?Sized>(
        repository: &mut R,
        now: Timestamp,
        room: &'r Room,
        kept: &'r mut KeptRoom,
    ) -> Result<Self, RepositoryError> {
        let DatabaseState { epoch, control_seq } = repository.database_state()?;
        if kept.epoch != epoch {
            *kept = KeptRoom { epoch, ..KeptRoom::default() };
        }
        if kept.last_seq != room.last_seq {
            kept.last_seq = room.last_seq;
            kept.pages.clear();
        }
        let list = kept.participants.take().filter(|kept| kept.is_of(room, now));
        let list = match list {
            Some(kept) => kept,
            None => {
                let list = repository.list_participants(room.id, PARTICIPANTS_LISTED_MAX)?.into();
                KeptParticipants { read_at: now, members: room.members, list }
            }
        };
        let participants = Arc::clone(&list.list);
        kept.participants = Some(list);
        Ok(Self { room, control_seq, participants, kept })
    }

    /// With what changed since a position, or the last page.
    fn since<R: Repository + ?Sized>(
        &mut self,
        repository: &mut R,
        position: &Option<Position>,
    ) -> Result<RoomSnapshot, RepositoryError> {
        let Self { room, control_seq, participants, kept } = self;
        let read = match kept.pages.get(position) {
            Some(read) => read.clone(),
            None => {
                let read = read_page(repository, room, &kept.epoch, position.as_ref())?;
                let bytes: usize = read.page.messages.iter().map(Message::page_bytes).sum();
                if kept.pages.len() < PAGES_KEPT_MAX && bytes <= PAGE_KEPT_BYTES_MAX {
                    kept.pages.insert(position.clone(), read.clone());
                }
                read
            }
        };
        let ReadPage { page: Page { messages, has_more }, is_reset } = read;
        let (room, epoch, participants) = ((*room).clone(), kept.epoch.clone(), Arc::clone(participants));
        let control_seq = *control_seq;
        Ok(RoomSnapshot { room, epoch, control_seq, participants, messages, has_more, reset: is_reset })
    }
}

/// What changed since a position, or the last page.
fn read_page<R: Repository + ?Sized>(
    repository: &mut R,
    room: &Room,
    epoch: &str,
    position: Option<&Position>,
) -> Result<ReadPage, RepositoryError> {
    let resumed = match position {
        Some(position) => resume(repository, room, epoch, position)?,
        None => None,
    };
    let is_reset = resumed.is_none() && position.is_some();
    let page = match resumed {
        Some(page) => page,
        None => {
            let limit = PAGE_MESSAGES_DEFAULT;
            let newest_first = repository.list_messages(room.id, None, limit + 1)?;
            Page::from_newest_first(newest_first, usize_of(limit))
        }
    };
    Ok(ReadPage { page, is_reset })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::Participants;
    use crate::{
        Body, DisplayName, JoinRoom, MemoryRepository, MessageKey, PresenceRecord, RegisterUser, SendMessage,
        Timestamp, Username, add_default_rooms, join_room, register_user, send_message,
    };

    /// A chat whose first member said something in the first room.
    fn chat(epoch: &str, text: &str) -> (MemoryRepository, RoomId, RoomReader) {
        let (mut chat, now) = (MemoryRepository::new(epoch), Timestamp::default());
        let room_id = add_default_rooms(&mut chat, now).unwrap()[0].id;
        let username = Username::new("ann").unwrap();
        let display_name = DisplayName::from(&username);
        let register = RegisterUser { username, display_name, password_hash: None };
        let user_id = register_user(&mut chat, now, &register).unwrap().id();
        join_room(&mut chat, now, JoinRoom { user_id, room_id }).unwrap();
        let (body, key) = (Body::new(text).unwrap(), MessageKey::new("k").unwrap());
        send_message(&mut chat, now, SendMessage { user_id, room_id, body, key }).unwrap();
        (chat, room_id, RoomReader { user_id, position: None })
    }

    #[test]
    fn pages_of_another_epoch_are_not_shown() {
        let mut kept = KeptRoom::default();
        for (epoch, text) in [("before", "lost"), ("restored", "found")] {
            let (mut chat, room_id, reader) = chat(epoch, text);
            let now = Timestamp::default();
            let read = read_room_together(&mut chat, now, room_id, &[reader], &mut kept).unwrap();
            let messages = &read[0].as_ref().unwrap().messages;
            assert_eq!(messages.last().unwrap().body, text);
        }
    }

    #[test]
    fn participants_are_kept_for_a_second_and_no_longer_than_the_number_of_members() {
        let (mut chat, room_id, reader) = chat("epoch", "hi");
        let mut kept = KeptRoom::default();
        let readers = [reader.clone()];
        let shown = |chat: &mut MemoryRepository, kept: &mut KeptRoom, ms| {
            let now = Timestamp::from_unix_ms(ms);
            let read = read_room_together(chat, now, room_id, &readers, kept).unwrap();
            let participants = &read[0].as_ref().unwrap().participants;
            participants.iter().map(|participant| participant.last_active.unix_ms()).collect::<Vec<_>>()
        };
        let seen = |chat: &mut MemoryRepository, ms| {
            let last_active = Timestamp::from_unix_ms(ms);
            let user_id = reader.user_id;
            chat.record_presence(&[PresenceRecord { room_id, user_id, is_online: false, last_active }])
                .unwrap();
        };
        assert_eq!(shown(&mut chat, &mut kept, 0), [0]);
        seen(&mut chat, 7);
        assert_eq!(shown(&mut chat, &mut kept, PARTICIPANTS_KEPT_MS - 1), [0]);
        assert_eq!(shown(&mut chat, &mut kept, PARTICIPANTS_KEPT_MS), [7]);
        seen(&mut chat, 8);
        assert_eq!(shown(&mut chat, &mut kept, PARTICIPANTS_KEPT_MS + 1), [7]);
        kept.forget_participants();
        assert_eq!(shown(&mut chat, &mut kept, PARTICIPANTS_KEPT_MS + 1), [8]);
        let username = Username::new("bob").unwrap();
        let display_name = DisplayName::from(&username);
        let register = RegisterUser { username, display_name, password_hash: None };
        let user_id = register_user(&mut chat, Timestamp::default(), &register).unwrap().id();
        join_room(&mut chat, Timestamp::default(), JoinRoom { user_id, room_id }).unwrap();
        assert_eq!(shown(&mut chat, &mut kept, PARTICIPANTS_KEPT_MS + 1).len(), 2);
    }
}
