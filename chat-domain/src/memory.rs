//! A repository in memory: the reference implementation, for tests and for programs that keep nothing.

mod sessions;

use std::collections::{BTreeMap, HashMap};

use crate::limits::usize_of;
use crate::participant::ListedParticipant;
use crate::repository::{
    ControlLog, DatabaseState, Messages, Meta, Participants, Repository, RepositoryError, Result,
    RoomCounters, Rooms, Users,
};
use crate::{
    ControlAction, ControlEntry, ControlSeq, ListedSession, Member, Message, MessageId, MessageKey,
    NewMessage, NewRoom, NewUser, Participant, PasswordHash, PresenceRecord, Room, RoomId, RoomName, Seq,
    SessionId, Timestamp, TokenHash, User, UserId, UserSummary, Username,
};

/// Everything in ordered maps. A use case called on it directly takes effect at once;
/// [`MemoryRepository::transaction`] makes several of them one.
#[derive(Debug, Clone)]
pub struct MemoryRepository {
    epoch: String,
    users: BTreeMap<UserId, (User, Option<PasswordHash>)>,
    sessions: BTreeMap<SessionId, (ListedSession, TokenHash)>,
    rooms: BTreeMap<RoomId, Room>,
    participants: BTreeMap<(RoomId, UserId), Participant>,
    messages: BTreeMap<(RoomId, Seq), NewMessage>,
    message_ids: HashMap<(RoomId, Seq), MessageId>,
    sent: HashMap<(UserId, MessageKey), (RoomId, Seq)>,
    control: Vec<ControlEntry>,
    last_id: i64,
}

impl MemoryRepository {
    /// An empty repository. `epoch` is a random id that the caller drew.
    #[must_use]
    pub fn new(epoch: impl Into<String>) -> Self {
        Self {
            epoch: epoch.into(),
            users: BTreeMap::new(),
            sessions: BTreeMap::new(),
            rooms: BTreeMap::new(),
            participants: BTreeMap::new(),
            messages: BTreeMap::new(),
            message_ids: HashMap::new(),
            sent: HashMap::new(),
            control: Vec::new(),
            last_id: 0,
        }
    }

    /// Runs something whole or not at all: an error takes back what it changed. Costs a copy of the repository.
    ///
    /// # Errors
    /// The error of `work`.
    pub fn transaction<T, E>(
        &mut self,
        work: impl FnOnce(&mut dyn Repository) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let before = self.clone();
        work(self).inspect_err(|_| *self = before)
    }

    fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    fn summary(&self, id: UserId) -> Option<UserSummary> {
        self.users.get(&id).map(|(user, _)| user.summary.clone())
    }

    fn message(&self, key: (RoomId, Seq)) -> Option<Message> {
        let new = self.messages.get(&key)?;
        Some(Message {
            id: *self.message_ids.get(&key)?,
            room_id: new.room_id,
            seq: new.seq,
            changed_seq: new.seq,
            author: new.user_id.and_then(|id| self.summary(id)),
            body: new.body.clone(),
            kind: new.kind,
            created_at: new.created_at,
            edited_at: None,
            key: new.key.clone(),
        })
    }
}

fn taken(what: &str) -> RepositoryError {
    RepositoryError::Conflict(format!("{what} is taken"))
}

impl Users for MemoryRepository {
    fn add_user(&mut self, user: &NewUser) -> Result<User> {
        if self.find_user_by_name(&user.username)?.is_some() {
            return Err(taken("user name"));
        }
        let id = UserId::new(self.next_id());
        let added = User {
            summary: UserSummary {
                id,
                username: user.username.clone(),
                display_name: user.display_name.clone(),
            },
            is_disabled: false,
            created_at: user.created_at,
        };
        self.users.insert(id, (added.clone(), user.password_hash.clone()));
        Ok(added)
    }

    fn find_user(&mut self, id: UserId) -> Result<Option<User>> {
        Ok(self.users.get(&id).map(|(user, _)| user.clone()))
    }

    fn lock_user(&mut self, id: UserId) -> Result<Option<User>> {
        // Nobody else is in a transaction.
        self.find_user(id)
    }

    fn find_user_by_name(&mut self, username: &Username) -> Result<Option<User>> {
        Ok(self.users.values().map(|(user, _)| user).find(|user| user.summary.username == *username).cloned())
    }

    fn list_users(&mut self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        let above = self.users.iter().filter(|(id, _)| after.is_none_or(|after| **id > after));
        Ok(above.map(|(_, (user, _))| user.clone()).take(usize_of(limit)).collect())
    }

    fn find_password_hash(&mut self, id: UserId) -> Result<Option<PasswordHash>> {
        Ok(self.users.get(&id).and_then(|(_, hash)| hash.clone()))
    }

    fn set_password_hash(&mut self, id: UserId, hash: &PasswordHash) -> Result<()> {
        if let Some((_, held)) = self.users.get_mut(&id) {
            *held = Some(hash.clone());
        }
        Ok(())
    }

    fn set_user_disabled(&mut self, id: UserId, is_disabled: bool) -> Result<()> {
        if let Some((user, _)) = self.users.get_mut(&id) {
            user.is_disabled = is_disabled;
        }
        Ok(())
    }
}

impl Rooms for MemoryRepository {
    fn add_room(&mut self, room: &NewRoom) -> Result<Room> {
        if self.find_room_by_name(&room.name)?.is_some() {
            return Err(taken("room name"));
        }
        let added = Room {
            id: RoomId::new(self.next_id()),
            name: room.name.clone(),
            description: room.description.clone(),
            created_at: room.created_at,
            is_active: true,
            last_seq: Seq::ZERO,
            members: 0,
            announces_members: room.announces_members,
        };
        self.rooms.insert(added.id, added.clone());
        Ok(added)
    }

    fn find_room(&mut self, id: RoomId) -> Result<Option<Room>> {
        Ok(self.rooms.get(&id).cloned())
    }

    fn find_room_by_name(&mut self, name: &RoomName) -> Result<Option<Room>> {
        Ok(self.rooms.values().find(|room| room.name == *name).cloned())
    }

    fn list_rooms(&mut self, limit: u32) -> Result<Vec<Room>> {
        Ok(self.rooms.values().take(usize_of(limit)).cloned().collect())
    }

    fn list_active_rooms(&mut self, limit: u32) -> Result<Vec<Room>> {
        Ok(self.rooms.values().filter(|room| room.is_active).take(usize_of(limit)).cloned().collect())
    }

    fn lock_rooms(&mut self, ids: &[RoomId]) -> Result<Vec<Room>> {
        Ok(ids.iter().filter_map(|id| self.rooms.get(id)).cloned().collect())
    }

    fn set_room_counters(&mut self, counters: &[RoomCounters]) -> Result<()> {
        for counter in counters {
            if let Some(room) = self.rooms.get_mut(&counter.id) {
                room.last_seq = counter.last_seq;
                room.members = counter.members;
            }
        }
        Ok(())
    }

    fn set_room_active(&mut self, id: RoomId, is_active: bool) -> Result<()> {
        if let Some(room) = self.rooms.get_mut(&id) {
            room.is_active = is_active;
        }
        Ok(())
    }
}

impl Participants for MemoryRepository {
    fn find_members(&mut self, keys: &[(RoomId, UserId)]) -> Result<Vec<Option<Member>>> {
        let member = |key: &(RoomId, UserId)| {
            let (user, _) = self.users.get(&key.1)?;
            Some(Member { user: user.clone(), participant: self.participants.get(key).cloned() })
        };
        Ok(keys.iter().map(member).collect())
    }

    fn add_participant(&mut self, participant: &Participant) -> Result<()> {
        let key = (participant.room_id, participant.user_id);
        if self.participants.contains_key(&key) {
            return Err(taken("membership"));
        }
        self.participants.insert(key, participant.clone());
        Ok(())
    }

    fn remove_participant(&mut self, room_id: RoomId, user_id: UserId) -> Result<()> {
        self.participants.remove(&(room_id, user_id));
        Ok(())
    }

    fn raise_read_seqs(&mut self, read: &[(RoomId, UserId, Seq)]) -> Result<()> {
        for &(room_id, user_id, seq) in read {
            if let Some(participant) = self.participants.get_mut(&(room_id, user_id)) {
                participant.read_seq = participant.read_seq.max(seq);
            }
        }
        Ok(())
    }

    fn list_participants(&mut self, room_id: RoomId, limit: u32) -> Result<Vec<ListedParticipant>> {
        let mut members: Vec<&Participant> =
            self.participants.values().filter(|participant| participant.room_id == room_id).collect();
        members.sort_by_key(|participant| {
            (!participant.is_online, std::cmp::Reverse(participant.last_active), participant.user_id)
        });
        Ok(members
            .into_iter()
            .take(usize_of(limit))
            .filter_map(|participant| {
                Some(ListedParticipant {
                    user: self.summary(participant.user_id)?,
                    is_online: participant.is_online,
                    last_active: participant.last_active,
                })
            })
            .collect())
    }

    fn list_participations(&mut self, user_id: UserId, limit: u32) -> Result<Vec<Participant>> {
        let is_active = |id| self.rooms.get(&id).is_some_and(|room| room.is_active);
        let own = self.participants.values().filter(|participant| participant.user_id == user_id);
        let own = own.filter(|participant| is_active(participant.room_id));
        Ok(own.take(usize_of(limit)).cloned().collect())
    }

    fn record_presence(&mut self, records: &[PresenceRecord]) -> Result<()> {
        for record in records {
            if let Some(participant) = self.participants.get_mut(&(record.room_id, record.user_id)) {
                participant.is_online = record.is_online;
                participant.last_active = record.last_active;
            }
        }
        Ok(())
    }

    fn clear_presence(&mut self) -> Result<()> {
        for participant in self.participants.values_mut() {
            participant.is_online = false;
        }
        Ok(())
    }
}

impl Messages for MemoryRepository {
    fn find_sent(&mut self, keys: &[(UserId, MessageKey)]) -> Result<Vec<Option<Message>>> {
        Ok(keys.iter().map(|key| self.sent.get(key).and_then(|&place| self.message(place))).collect())
    }

    fn insert_messages(&mut self, messages: &[NewMessage]) -> Result<Vec<MessageId>> {
        let mut ids = Vec::with_capacity(messages.len());
        for message in messages {
            let place = (message.room_id, message.seq);
            if self.messages.contains_key(&place) {
                return Err(taken("sequence number"));
            }
            if let (Some(user_id), Some(key)) = (message.user_id, &message.key) {
                if self.sent.contains_key(&(user_id, key.clone())) {
                    return Err(taken("key"));
                }
                self.sent.insert((user_id, key.clone()), place);
            }
            let id = MessageId::new(self.next_id());
            self.messages.insert(place, message.clone());
            self.message_ids.insert(place, id);
            ids.push(id);
        }
        Ok(ids)
    }

    fn list_messages(&mut self, room_id: RoomId, before: Option<Seq>, limit: u32) -> Result<Vec<Message>> {
        let end = before.unwrap_or(Seq::new(i64::MAX)).max(Seq::ZERO);
        let places = self.messages.range((room_id, Seq::ZERO)..(room_id, end)).rev().take(usize_of(limit));
        Ok(places.filter_map(|(&place, _)| self.message(place)).collect())
    }

    fn list_changes(&mut self, room_id: RoomId, after: Seq, limit: u32) -> Result<Vec<Message>> {
        let places = self.messages.range((room_id, after.next())..=(room_id, Seq::new(i64::MAX)));
        Ok(places.take(usize_of(limit)).filter_map(|(&place, _)| self.message(place)).collect())
    }

    fn count_unread(&mut self, room_id: RoomId, user_id: UserId, after: Seq, limit: u32) -> Result<u32> {
        let unread = self
            .messages
            .range((room_id, after.next())..=(room_id, Seq::new(i64::MAX)))
            .filter(|(_, message)| message.kind.counts_as_unread() && message.user_id != Some(user_id));
        Ok(u32::try_from(unread.take(usize_of(limit)).count()).unwrap_or(limit))
    }
}

impl ControlLog for MemoryRepository {
    fn append_control(&mut self, action: &ControlAction, now: Timestamp) -> Result<ControlSeq> {
        let seq = ControlSeq::new(self.last_control_seq().get() + 1);
        self.control.push(ControlEntry { seq, created_at: now, action: Some(*action) });
        Ok(seq)
    }

    fn list_control(&mut self, after: ControlSeq, limit: u32) -> Result<Vec<ControlEntry>> {
        Ok(self.control.iter().filter(|entry| entry.seq > after).take(usize_of(limit)).copied().collect())
    }
}

impl Meta for MemoryRepository {
    fn database_state(&mut self) -> Result<DatabaseState> {
        Ok(DatabaseState { epoch: self.epoch.clone(), control_seq: self.last_control_seq() })
    }
}

impl MemoryRepository {
    fn last_control_seq(&self) -> ControlSeq {
        self.control.last().map_or(ControlSeq::ZERO, |entry| entry.seq)
    }
}
