//! Live presence of this node: the board, what is yet to be told of it, and what is yet to be written down.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_domain::limits::PARTICIPANTS_LISTED_MAX;
use chat_domain::participant::ListedParticipant;
use chat_domain::{
    LeaveReason, PresenceBoard, PresenceChange, PresenceRecord, RoomId, Timestamp, UserId, UserSummary,
};

/// Changes of presence in a room that are told one by one; more at once are told as a whole list.
pub(crate) const CHANGES_TOLD_MAX: usize = 50;
/// Milliseconds between two whole lists of a room, at least: a storm of comings costs a list a second, not one each.
const LIST_INTERVAL_MS: i64 = 1_000;

/// The board with its two lists of changes. Both are bounded by the people who are connected.
#[derive(Debug)]
pub(crate) struct Presence(Mutex<Held>);

#[derive(Debug)]
struct Held {
    board: PresenceBoard,
    /// By room and in the order in which they happened.
    untold: BTreeMap<RoomId, Vec<PresenceChange>>,
    unwritten: HashMap<(RoomId, UserId), PresenceRecord>,
    /// When a room was last told as a whole list.
    listed_at: HashMap<RoomId, Timestamp>,
}

impl Presence {
    pub(crate) fn new(grace_ms: i64) -> Self {
        let board = PresenceBoard::new(grace_ms);
        Self(Mutex::new(Held {
            board,
            untold: BTreeMap::new(),
            unwritten: HashMap::new(),
            listed_at: HashMap::new(),
        }))
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
