//! Live presence of this node: the board, what is yet to be told of it, and what is yet to be written down.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
const CHANGES_TOLD_MAX: usize = 50;
/// Presence records in one command.
const RECORDS_MAX: usize = 500;
/// Milliseconds between two whole lists of a room, at least: a storm of comings costs a list a second, not one each.
const LIST_INTERVAL_MS: i64 = 1_000;

/// What is to be told of a room.
#[derive(Debug)]
pub(crate) enum Untold {
    /// What changed.
    Changes(Vec<PresenceChange<Person>>),
    /// Who is present.
    List,
}

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
    /// The rooms of which a whole list is to be told.
    lost: BTreeSet<RoomId>,
    /// When a room was last told as a whole list.
    listed_at: HashMap<RoomId, Timestamp>,
}

impl Presence {
    pub(crate) fn new(grace_ms: i64, clock: Arc<dyn Clock>) -> Self {
        let held = Held {
            board: PresenceBoard::new(grace_ms),
            untold: BTreeMap::new(),
            unwritten: HashMap::new(),
            lost: BTreeSet::new(),
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
        let (mut held, wall) = (self.held(), self.clock.wall());
        let change = held.board.leave(room_id, user_id, connections, LeaveReason::Left, self.clock.now());
        if change.is_none() && held.board.is_present(room_id, user_id) {
            // Back already, as a member of whom nothing is written down yet.
            let record = PresenceRecord { room_id, user_id, is_online: true, last_active: wall };
            held.unwritten.insert((room_id, user_id), record);
        }
        held.note(change, wall);
    }

    /// Something that was told of rooms was lost on the way to some of those who are in them.
    pub(crate) fn note_lost(&self, room_ids: BTreeSet<RoomId>) {
        self.held().lost.extend(room_ids);
    }

    /// Ends the grace of those who did not come back, and takes what is to be told, by room.
    pub(crate) fn take_untold(&self) -> BTreeMap<RoomId, Untold> {
        let mut held = self.held();
        let (now, wall) = (self.clock.now(), self.clock.wall());
        for change in held.board.sweep(now) {
            held.note(Some(change), wall);
        }
        let Held { untold, lost, listed_at, .. } = &mut *held;
        listed_at.retain(|_, &mut at| now.ms_since(at) < LIST_INTERVAL_MS);
        lost.extend(untold.iter().filter(|(_, changes)| changes.len() > CHANGES_TOLD_MAX).map(|(&id, _)| id));
        let mut due = BTreeMap::new();
        lost.retain(|&room_id| match listed_at.entry(room_id) {
            Entry::Occupied(_) => true,
            Entry::Vacant(vacant) => {
                vacant.insert(now);
                untold.remove(&room_id);
                due.insert(room_id, Untold::List);
                false
            }
        });
        // Where a list is yet to come, it tells the changes, too.
        let now_told = untold.extract_if(.., |room_id, _| !lost.contains(room_id));
        due.extend(now_told.map(|(room_id, changes)| (room_id, Untold::Changes(changes))));
        due
    }

    /// Forgets a room that is no more.
    pub(crate) fn forget(&self, room_id: RoomId) {
        let mut held = self.held();
        held.board.forget(room_id);
        held.untold.remove(&room_id);
        held.lost.remove(&room_id);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chat_domain::{DisplayName, UserSummary, Username};

    use super::*;
    use crate::clock::SystemClock;

    const ROOM: RoomId = RoomId::new(1);

    fn presence() -> Presence {
        Presence::new(60_000, Arc::new(SystemClock::start()))
    }

    fn person(id: i64) -> Person {
        let username = Username::new(format!("p{id}")).unwrap();
        let display_name = DisplayName::from(&username);
        Person::new(UserSummary { id: UserId::new(id), username, display_name }).unwrap()
    }

    #[test]
    fn whoever_is_back_before_the_end_of_the_membership_was_told_is_written_down_as_present() {
        let (presence, ann) = (presence(), person(1));
        presence.enter(ROOM, &ann);
        presence.enter(ROOM, &ann);
        presence.take_unwritten();
        presence.leave(ROOM, ann.id, 1);
        let written = presence.take_unwritten().concat();
        assert_eq!(written.iter().map(|record| record.is_online).collect::<Vec<_>>(), [true]);
        presence.leave(ROOM, ann.id, 1);
        let written = presence.take_unwritten().concat();
        assert_eq!(written.iter().map(|record| record.is_online).collect::<Vec<_>>(), [false]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_lost_or_is_much_is_told_as_a_list_and_that_once_a_second() {
        let presence = presence();
        presence.enter(ROOM, &person(1));
        assert!(
            matches!(presence.take_untold().remove(&ROOM), Some(Untold::Changes(changes)) if changes.len() == 1)
        );
        presence.note_lost(BTreeSet::from([ROOM]));
        presence.enter(ROOM, &person(2));
        assert!(matches!(presence.take_untold().remove(&ROOM), Some(Untold::List)));
        presence.note_lost(BTreeSet::from([ROOM]));
        presence.enter(ROOM, &person(3));
        assert!(presence.take_untold().is_empty(), "the next list has it");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(matches!(presence.take_untold().remove(&ROOM), Some(Untold::List)));
        assert!(presence.take_untold().is_empty());
        let other = RoomId::new(2);
        (0..=50).for_each(|id| presence.enter(other, &person(id)));
        assert!(matches!(presence.take_untold().remove(&other), Some(Untold::List)));
        (51..=102).for_each(|id| presence.enter(other, &person(id)));
        assert!(presence.take_untold().is_empty());
    }
}
