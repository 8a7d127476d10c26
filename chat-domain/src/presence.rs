//! Presence: who is connected to which room. One entry per person, however many devices they have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::limits::PRESENCE_GRACE_MS;
use crate::participant::{OfUser, PresenceRecord};
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
pub struct PresenceChange<P = UserSummary> {
    /// In which room.
    pub room_id: RoomId,
    /// Who.
    pub user: P,
    /// When they were last connected.
    pub at: Timestamp,
    /// `None` for whoever came, the reason for whoever went.
    pub left: Option<LeaveReason>,
}

/// An entry of a list of participants over which live presence was laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlaid<'l, P, S> {
    /// Somebody who is connected.
    Online {
        /// Who.
        user: &'l P,
        /// When they came.
        since: Timestamp,
    },
    /// Somebody whom only the store knows.
    Offline(&'l S),
}

/// Who is connected to which room. `P` is what is kept of a person.
#[derive(Debug)]
pub struct PresenceBoard<P = UserSummary> {
    grace_ms: i64,
    /// By room, and in the order of the ids, in which they are listed.
    rooms: HashMap<RoomId, BTreeMap<UserId, Entry<P>>>,
    /// When the grace of somebody without a connection ends.
    leaving: BTreeSet<(Timestamp, RoomId, UserId)>,
}

#[derive(Debug)]
struct Entry<P> {
    user: P,
    connections: u32,
    since: Timestamp,
    leaves_at: Option<Timestamp>,
}

impl<P: OfUser + Clone> Default for PresenceBoard<P> {
    fn default() -> Self {
        Self::new(PRESENCE_GRACE_MS)
    }
}

impl<P: OfUser + Clone> PresenceBoard<P> {
    /// An empty board; somebody without a connection counts as present for `grace_ms` more.
    #[must_use]
    pub fn new(grace_ms: i64) -> Self {
        Self { grace_ms, rooms: HashMap::new(), leaving: BTreeSet::new() }
    }

    /// A connection of somebody entered a room. Announced for the first one.
    pub fn enter(&mut self, room_id: RoomId, user: &P, now: Timestamp) -> Option<PresenceChange<P>> {
        let (room, user_id) = (self.rooms.entry(room_id).or_default(), user.user_id());
        if let Some(entry) = room.get_mut(&user_id) {
            entry.connections += 1;
            if let Some(at) = entry.leaves_at.take() {
                self.leaving.remove(&(at, room_id, user_id));
            }
            return None;
        }
        room.insert(user_id, Entry { user: user.clone(), connections: 1, since: now, leaves_at: None });
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
    ) -> Option<PresenceChange<P>> {
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

    /// So many connections of somebody ended with their membership. Gone from the room at once if that were all, while
    /// one that has entered with a new membership stays; no connection at all ends what is left of a grace period.
    pub fn leave(
        &mut self,
        room_id: RoomId,
        user_id: UserId,
        connections: u32,
        reason: LeaveReason,
        now: Timestamp,
    ) -> Option<PresenceChange<P>> {
        let entry = self.rooms.get_mut(&room_id)?.get_mut(&user_id)?;
        entry.connections = entry.connections.saturating_sub(connections);
        if entry.connections > 0 { None } else { self.remove(room_id, user_id, reason, now) }
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
    pub fn sweep(&mut self, now: Timestamp) -> Vec<PresenceChange<P>> {
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
        self.rooms.get(&room_id).map_or(0, BTreeMap::len)
    }

    /// Lays live presence over a list of participants from the store: those online first, `limit` at most.
    /// Whoever is present but not in the list is added; the store lists a bounded number.
    pub fn overlay<'b, S: OfUser>(
        &'b self,
        room_id: RoomId,
        stored: &'b [S],
        limit: usize,
    ) -> impl Iterator<Item = Overlaid<'b, P, S>> {
        let present = self.rooms.get(&room_id);
        let online = present.into_iter().flat_map(BTreeMap::values);
        let is_offline =
            move |stored: &&S| present.is_none_or(|present| !present.contains_key(&stored.user_id()));
        online
            .map(|entry| Overlaid::Online { user: &entry.user, since: entry.since })
            .chain(stored.iter().filter(is_offline).map(Overlaid::Offline))
            .take(limit)
    }

    /// Whether somebody is present in a room.
    #[must_use]
    pub fn is_present(&self, room_id: RoomId, user_id: UserId) -> bool {
        self.user(room_id, user_id).is_some()
    }

    /// Somebody who is present in a room.
    #[must_use]
    pub fn user(&self, room_id: RoomId, user_id: UserId) -> Option<&P> {
        self.rooms.get(&room_id)?.get(&user_id).map(|entry| &entry.user)
    }
}

impl<P: OfUser> From<&PresenceChange<P>> for PresenceRecord {
    fn from(change: &PresenceChange<P>) -> Self {
        Self {
            room_id: change.room_id,
            user_id: change.user.user_id(),
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
    fn those_online_are_listed_first_and_nobody_twice() {
        let mut board = PresenceBoard::default();
        let people: Vec<UserSummary> =
            (1..=4).map(|id| UserSummary { id: UserId::new(id), ..ann() }).collect();
        board.enter(ROOM, &people[3], at(0));
        board.enter(ROOM, &people[0], at(1));
        let online = |n: usize, since| Overlaid::Online { user: &people[n], since: at(since) };
        let whole = [online(0, 1), online(3, 0), Overlaid::Offline(&people[1])];
        for limit in 0..=3 {
            let listed: Vec<_> = board.overlay(ROOM, &people[..2], limit).collect();
            assert_eq!(listed, whole[..limit]);
        }
        let elsewhere: Vec<_> = board.overlay(RoomId::new(2), &people[..1], 10).collect();
        assert_eq!(elsewhere, [Overlaid::Offline(&people[0])]);
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

    #[test]
    fn whoever_is_back_before_all_old_connections_ended_stays() {
        let mut board = PresenceBoard::default();
        for ms in 0..3 {
            board.enter(ROOM, &ann(), at(ms));
        }
        assert!(board.leave(ROOM, ann().id, 0, LeaveReason::Left, at(3)).is_none());
        assert!(board.leave(ROOM, ann().id, 2, LeaveReason::Left, at(4)).is_none());
        assert!(board.is_present(ROOM, ann().id));
        board.exit(ROOM, ann().id, at(5));
        let gone = board.leave(ROOM, ann().id, 0, LeaveReason::Left, at(6)).unwrap();
        assert_eq!(gone.left, Some(LeaveReason::Left), "at once, and not after the grace period");
        assert_eq!(board.sweep(at(60_000)), []);
    }
}
