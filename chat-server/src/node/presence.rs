//! Live presence of this node: the board, what is yet to be told of it, and what is yet to be written down.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_domain::limits::PARTICIPANTS_LISTED_MAX;
use chat_domain::participant::ListedParticipant;
use chat_domain::{
    LeaveReason, PresenceBoard, PresenceChange, PresenceRecord, RoomId, Timestamp, UserId, UserSummary,
};

/// The board with its two lists of changes. Both are bounded by the people who are connected.
#[derive(Debug)]
pub(crate) struct Presence(Mutex<Held>);

#[derive(Debug)]
struct Held {
    board: PresenceBoard,
    /// By room and in the order in which they happened.
    untold: BTreeMap<RoomId, Vec<PresenceChange>>,
    unwritten: HashMap<(RoomId, UserId), PresenceRecord>,
}

impl Presence {
    pub(crate) fn new(grace_ms: i64) -> Self {
        let board = PresenceBoard::new(grace_ms);
        Self(Mutex::new(Held { board, untold: BTreeMap::new(), unwritten: HashMap::new() }))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of somebody entered a room.
    pub(crate) fn enter(&self, room_id: RoomId, user: &UserSummary, now: Timestamp) {
        let mut held = self.held();
        let change = held.board.enter(room_id, user, now);
        held.note(change);
    }

    /// A connection of somebody ended.
    pub(crate) fn exit(&self, room_id: RoomId, user_id: UserId, now: Timestamp) {
        self.held().board.exit(room_id, user_id, now);
    }

    /// Somebody is no longer a member.
    pub(crate) fn remove(&self, room_id: RoomId, user_id: UserId, reason: LeaveReason, now: Timestamp) {
        let mut held = self.held();
        let change = held.board.remove(room_id, user_id, reason, now);
        held.note(change);
    }

    /// Ends the grace of those who did not come back, and takes what is to be told, by room.
    pub(crate) fn take_untold(&self, now: Timestamp) -> BTreeMap<RoomId, Vec<PresenceChange>> {
        let mut held = self.held();
        for change in held.board.sweep(now) {
            held.note(Some(change));
        }
        std::mem::take(&mut held.untold)
    }

    /// Takes what is to be written down.
    pub(crate) fn take_unwritten(&self) -> Vec<PresenceRecord> {
        std::mem::take(&mut self.held().unwritten).into_values().collect()
    }

    /// How many people are present in a room.
    pub(crate) fn online(&self, room_id: RoomId) -> u64 {
        u64::try_from(self.held().board.online(room_id)).unwrap_or(u64::MAX)
    }

    /// Somebody who is present in a room.
    pub(crate) fn user(&self, room_id: RoomId, user_id: UserId) -> Option<UserSummary> {
        self.held().board.user(room_id, user_id).cloned()
    }

    /// A list of participants with live presence laid over it.
    pub(crate) fn overlay(&self, room_id: RoomId, stored: Vec<ListedParticipant>) -> Vec<ListedParticipant> {
        let limit = usize::try_from(PARTICIPANTS_LISTED_MAX).unwrap_or(usize::MAX);
        self.held().board.overlay(room_id, stored, limit)
    }
}

impl Held {
    fn note(&mut self, change: Option<PresenceChange>) {
        let Some(change) = change else { return };
        self.unwritten.insert((change.room_id, change.user.id), PresenceRecord::from(&change));
        self.untold.entry(change.room_id).or_default().push(change);
    }
}
