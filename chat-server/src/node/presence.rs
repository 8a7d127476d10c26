//! Live presence of this node: the board, what is yet to be told of it, and what is yet to be written down.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chat_domain::limits::PARTICIPANTS_LISTED_MAX;
use chat_domain::{
    Command, LeaveReason, Overlaid, PresenceBoard, PresenceChange, PresenceRecord, RoomId, Timestamp, UserId,
};
use chat_protocol::events::Presence as PresenceEvent;
use chat_protocol::{JsonList, ServerEvent};

use crate::clock::Clock;
use crate::frame;
use crate::node::Node;
use crate::person::{Person, StoredPerson};

/// Changes of presence in a room that are told one by one; more at once are told as a whole list.
pub(crate) const CHANGES_TOLD_MAX: usize = 50;
/// Presence records in one command.
const RECORDS_MAX: usize = 500;
/// Milliseconds between two whole lists of a room, at least: a storm of comings costs a list a second, not one each.
const LIST_INTERVAL_MS: i64 = 1_000;
/// The board with its two lists of changes. Both are bounded by the people who are connected.
pub(crate) struct Presence {
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    board: PresenceBoard<Person>,
    /// By room and in the order in which they happened.
    untold: BTreeMap<RoomId, Vec<PresenceChange<Person>>>,
    unwritten: HashMap<(RoomId, UserId), PresenceRecord>,
    /// When a room was last told as a whole list.
    listed_at: HashMap<RoomId, Timestamp>,
}

impl Presence {
    pub(crate) fn new(grace_ms: i64, clock: Arc<dyn Clock>) -> Self {
        let held = Held {
            board: PresenceBoard::new(grace_ms),
            untold: BTreeMap::new(),
            unwritten: HashMap::new(),
            listed_at: HashMap::new(),
        };
        Self { clock, held: Mutex::new(held) }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of somebody entered a room.
    pub(crate) fn enter(&self, room_id: RoomId, user: &Person) {
        let mut held = self.held();
        let change = held.board.enter(room_id, user, self.clock.now());
        held.note(change, self.clock.wall());
    }

    /// A connection of somebody ended.
    pub(crate) fn exit(&self, room_id: RoomId, user_id: UserId) {
        self.held().board.exit(room_id, user_id, self.clock.now());
    }

    /// So many connections of somebody ended with their membership.
    pub(crate) fn leave(&self, room_id: RoomId, user_id: UserId, connections: u32) {
        let mut held = self.held();
        let change = held.board.leave(room_id, user_id, connections, LeaveReason::Left, self.clock.now());
        held.note(change, self.clock.wall());
    }

    /// Ends the grace of those who did not come back, and takes what is to be told, by room.
    pub(crate) fn take_untold(&self) -> BTreeMap<RoomId, Vec<PresenceChange<Person>>> {
        let mut held = self.held();
        let (now, wall) = (self.clock.now(), self.clock.wall());
        for change in held.board.sweep(now) {
            held.note(Some(change), wall);
        }
        let (untold, listed_at) = (std::mem::take(&mut held.untold), &mut held.listed_at);
        listed_at.retain(|_, &mut at| now.ms_since(at) < LIST_INTERVAL_MS);
        let (due, later) = untold.into_iter().partition(|(room_id, changes)| {
            let is_list = changes.len() > CHANGES_TOLD_MAX;
            let is_due = !is_list || !listed_at.contains_key(room_id);
            if is_list && is_due {
                listed_at.insert(*room_id, now);
            }
            is_due
        });
        held.untold = later;
        due
    }

    /// Forgets a room that is no more.
    pub(crate) fn forget(&self, room_id: RoomId) {
        let mut held = self.held();
        held.board.forget(room_id);
        held.untold.remove(&room_id);
    }

    /// Takes what is to be written down, in parts of bounded size.
    pub(crate) fn take_unwritten(&self) -> Vec<Vec<PresenceRecord>> {
        parts(std::mem::take(&mut self.held().unwritten))
    }

    /// Takes records back that could not be written down, but for those that are no longer true: what changed since
    /// has a record of its own.
    pub(crate) fn put_back(&self, records: &[PresenceRecord]) {
        let mut held = self.held();
        for record in records {
            let is_online = held.board.user(record.room_id, record.user_id).is_some();
            if record.is_online == is_online {
                held.unwritten.entry((record.room_id, record.user_id)).or_insert(*record);
            }
        }
    }

    /// What is to be written down when the server ends: everybody goes offline, and was here until now.
    pub(crate) fn farewell(&self) -> Vec<Command> {
        let last_active = self.clock.wall();
        let mut held = self.held();
        let mut records = std::mem::take(&mut held.unwritten);
        for (room_id, user_id) in held.board.present() {
            let record = PresenceRecord { room_id, user_id, is_online: false, last_active };
            records.insert((room_id, user_id), record);
        }
        parts(records).into_iter().map(Command::RecordPresence).collect()
    }

    /// How many people are present in a room.
    pub(crate) fn online(&self, room_id: RoomId) -> u64 {
        u64::try_from(self.held().board.online(room_id)).unwrap_or(u64::MAX)
    }

    /// Somebody who is present in a room.
    pub(crate) fn user(&self, room_id: RoomId, user_id: UserId) -> Option<Person> {
        self.held().board.user(room_id, user_id).cloned()
    }

    /// A room's list of participants as JSON: live presence, laid over what the store knows.
    pub(crate) fn list(&self, room_id: RoomId, stored: &[StoredPerson]) -> serde_json::Result<JsonList> {
        let limit = usize::try_from(PARTICIPANTS_LISTED_MAX).unwrap_or(usize::MAX);
        // Whoever is here was active just now; the board's own times are for its timers.
        let now = self.clock.wall();
        let held = self.held();
        let listed_max = held.board.online(room_id) + stored.len();
        let mut list = JsonList::with_capacity(limit.min(listed_max));
        for listed in held.board.overlay(room_id, stored, limit) {
            match listed {
                Overlaid::Online { user, .. } => list.push_participant(user.json(), true, now)?,
                Overlaid::Offline(stored) => {
                    list.push_participant(&stored.json, false, stored.last_active)?
                }
            }
        }
        Ok(list)
    }
}

impl Node {
    /// Who is present in a room, as a frame. Lists those online only: who is offline is not lost by a drop.
    pub(crate) fn presence_frame(&self, room_id: RoomId) -> Option<Bytes> {
        let event = ServerEvent::Presence(PresenceEvent {
            room: self.directory.name(room_id)?,
            participants: Vec::new(),
            members: self.directory.members(room_id),
            online: self.presence.online(room_id),
        });
        let participants = self
            .presence
            .list(room_id, &[])
            .inspect_err(|error| tracing::error!(%error, "a list of participants could not be encoded"));
        Some(frame::of_event_with_lists(&event, None, &[("participants", &participants.ok()?)]))
    }
}

fn parts(records: HashMap<(RoomId, UserId), PresenceRecord>) -> Vec<Vec<PresenceRecord>> {
    let records: Vec<PresenceRecord> = records.into_values().collect();
    records.chunks(RECORDS_MAX).map(<[PresenceRecord]>::to_vec).collect()
}

impl Held {
    /// Keeps a change to be told, and to be written down with the time that people know.
    fn note(&mut self, change: Option<PresenceChange<Person>>, wall: Timestamp) {
        let Some(change) = change else { return };
        let record = PresenceRecord { last_active: wall, ..PresenceRecord::from(&change) };
        self.unwritten.insert((change.room_id, change.user.id), record);
        self.untold.entry(change.room_id).or_default().push(change);
    }
}
