//! Presence: who is connected to which room. One entry per person, however many devices they have.

use std::collections::{BTreeSet, HashMap};

use crate::limits::PRESENCE_GRACE_MS;
use crate::participant::{ListedParticipant, PresenceRecord};
use crate::{RoomId, Timestamp, UserId, UserSummary};

/// Why somebody is no longer present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaveReason {
    /// The last connection ended, and none came back within the grace period.
    Offline,
    /// They ended their membership.
    Left,
    /// Somebody else ended it.
    Removed,
}

impl LeaveReason {
    /// The stable name, as sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Left => "left",
            Self::Removed => "removed",
        }
    }
}

/// A change that the others in the room should see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceChange {
    /// In which room.
    pub room_id: RoomId,
    /// Who.
    pub user: UserSummary,
    /// When they were last connected.
    pub at: Timestamp,
    /// `None` for whoever came, the reason for whoever went.
    pub left: Option<LeaveReason>,
}

/// Who is connected to which room.
#[derive(Debug)]
pub struct PresenceBoard {
    grace_ms: i64,
    rooms: HashMap<RoomId, HashMap<UserId, Entry>>,
    /// When the grace of somebody without a connection ends.
    leaving: BTreeSet<(Timestamp, RoomId, UserId)>,
}

#[derive(Debug)]
struct Entry {
    user: UserSummary,
    connections: u32,
    since: Timestamp,
    leaves_at: Option<Timestamp>,
}

impl Default for PresenceBoard {
    fn default() -> Self {
        Self::new(PRESENCE_GRACE_MS)
    }
}

impl PresenceBoard {
    /// An empty board; somebody without a connection counts as present for `grace_ms` more.
    #[must_use]
    pub fn new(grace_ms: i64) -> Self {
        Self { grace_ms, rooms: HashMap::new(), leaving: BTreeSet::new() }
    }

    /// A connection of somebody entered a room. Announced for the first one.
    pub fn enter(&mut self, room_id: RoomId, user: &UserSummary, now: Timestamp) -> Option<PresenceChange> {
        let room = self.rooms.entry(room_id).or_default();
        if let Some(entry) = room.get_mut(&user.id) {
            entry.connections += 1;
            if let Some(at) = entry.leaves_at.take() {
                self.leaving.remove(&(at, room_id, user.id));
            }
            return None;
        }
        room.insert(user.id, Entry { user: user.clone(), connections: 1, since: now, leaves_at: None });
        Some(PresenceChange { room_id, user: user.clone(), at: now, left: None })
    }

    /// A connection of somebody ended. The grace period begins with the last one.
    pub fn exit(&mut self, room_id: RoomId, user_id: UserId, now: Timestamp) {
        let Some(entry) = self.rooms.get_mut(&room_id).and_then(|room| room.get_mut(&user_id)) else {
            return;
        };
        entry.connections = entry.connections.saturating_sub(1);
        if entry.connections == 0 && entry.leaves_at.is_none() {
            let at = now.plus_ms(self.grace_ms);
            entry.leaves_at = Some(at);
            self.leaving.insert((at, room_id, user_id));
        }
    }

    /// Somebody is no longer a member: gone from the room at once, with all connections.
    pub fn remove(
        &mut self,
        room_id: RoomId,
        user_id: UserId,
        reason: LeaveReason,
        now: Timestamp,
    ) -> Option<PresenceChange> {
        let room = self.rooms.get_mut(&room_id)?;
        let entry = room.remove(&user_id)?;
        if room.is_empty() {
            self.rooms.remove(&room_id);
        }
        if let Some(at) = entry.leaves_at {
            self.leaving.remove(&(at, room_id, user_id));
        }
        Some(PresenceChange { room_id, user: entry.user, at: now, left: Some(reason) })
    }

    /// Everybody who is present, in whichever rooms.
    pub fn present(&self) -> impl Iterator<Item = (RoomId, UserId)> {
        self.rooms.iter().flat_map(|(&room_id, people)| people.keys().map(move |&user_id| (room_id, user_id)))
    }

    /// Forgets a room that is no more, without a word.
    pub fn forget(&mut self, room_id: RoomId) {
        self.rooms.remove(&room_id);
        self.leaving.retain(|&(_, held, _)| held != room_id);
    }

    /// Ends the grace of those who did not come back.
    pub fn sweep(&mut self, now: Timestamp) -> Vec<PresenceChange> {
        let mut gone = Vec::new();
        while let Some(&(at, room_id, user_id)) = self.leaving.first() {
            if at > now {
                break;
            }
            self.leaving.pop_first();
            gone.extend(self.remove(room_id, user_id, LeaveReason::Offline, now));
        }
        gone
    }

    /// How many people are present in a room.
    #[must_use]
    pub fn online(&self, room_id: RoomId) -> usize {
        self.rooms.get(&room_id).map_or(0, HashMap::len)
    }

    /// Lays live presence over a list of participants from the store: those online first, `limit` at most.
    /// Whoever is present but not in the list is added; the store lists a bounded number.
    #[must_use]
    pub fn overlay(
        &self,
        room_id: RoomId,
        stored: Vec<ListedParticipant>,
        limit: usize,
    ) -> Vec<ListedParticipant> {
        let mut listed: Vec<ListedParticipant> = self
            .rooms
            .get(&room_id)
            .into_iter()
            .flat_map(HashMap::values)
            .take(limit)
            .map(|entry| ListedParticipant {
                user: entry.user.clone(),
                is_online: true,
                last_active: entry.since,
            })
            .collect();
        listed.sort_by(|a, b| a.user.username.cmp(&b.user.username));
        for participant in stored {
            if listed.len() >= limit {
                break;
            }
            if !self.is_present(room_id, participant.user.id) {
                listed.push(ListedParticipant { is_online: false, ..participant });
            }
        }
        listed
    }

    /// Whether somebody is present in a room.
    #[must_use]
    pub fn is_present(&self, room_id: RoomId, user_id: UserId) -> bool {
        self.user(room_id, user_id).is_some()
    }

    /// Somebody who is present in a room.
    #[must_use]
    pub fn user(&self, room_id: RoomId, user_id: UserId) -> Option<&UserSummary> {
        self.rooms.get(&room_id)?.get(&user_id).map(|entry| &entry.user)
    }
}

impl From<&PresenceChange> for PresenceRecord {
    fn from(change: &PresenceChange) -> Self {
        Self {
            room_id: change.room_id,
            user_id: change.user.id,
            is_online: change.left.is_none(),
            last_active: change.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DisplayName, Username};

    const ROOM: RoomId = RoomId::new(1);

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn ann() -> UserSummary {
        let username = Username::new("ann").unwrap();
        UserSummary { id: UserId::new(1), display_name: DisplayName::from(&username), username }
    }

    #[test]
    fn two_devices_are_one_person() {
        let mut board = PresenceBoard::default();
        assert!(board.enter(ROOM, &ann(), at(0)).is_some());
        assert!(board.enter(ROOM, &ann(), at(1)).is_none());
        assert_eq!(board.online(ROOM), 1);
        board.exit(ROOM, ann().id, at(2));
        assert_eq!(board.sweep(at(100_000)), []);
        assert_eq!(board.online(ROOM), 1);
    }

    #[test]
    fn a_reconnect_within_the_grace_period_shows_nothing() {
        let mut board = PresenceBoard::default();
        board.enter(ROOM, &ann(), at(0));
        board.exit(ROOM, ann().id, at(1_000));
        assert_eq!(board.sweep(at(5_999)), []);
        assert!(board.enter(ROOM, &ann(), at(5_999)).is_none());
        assert_eq!(board.sweep(at(60_000)), []);
    }

    #[test]
    fn whoever_stays_away_is_offline_after_the_grace_period() {
        let mut board = PresenceBoard::default();
        board.enter(ROOM, &ann(), at(0));
        board.exit(ROOM, ann().id, at(1_000));
        let gone = board.sweep(at(6_000));
        assert_eq!(gone.len(), 1);
        assert_eq!(gone[0].left, Some(LeaveReason::Offline));
        assert_eq!(board.online(ROOM), 0);
    }

    #[test]
    fn whoever_is_no_member_is_gone_at_once() {
        let mut board = PresenceBoard::default();
        board.enter(ROOM, &ann(), at(0));
        board.exit(ROOM, ann().id, at(1));
        assert!(board.remove(ROOM, ann().id, LeaveReason::Left, at(2)).is_some());
        assert!(board.remove(ROOM, ann().id, LeaveReason::Left, at(2)).is_none());
        assert_eq!(board.sweep(at(60_000)), []);
    }
}
