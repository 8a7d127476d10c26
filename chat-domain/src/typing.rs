//! Typing: who is writing in which room. Best effort, and it always ends by itself.

use std::collections::BTreeMap;

use crate::limits::{TYPING_EXPIRY_MS, TYPING_START_INTERVAL_MS};
use crate::{RoomId, Timestamp, UserId};

/// A change that the others in the room should see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypingChange {
    /// In which room.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// Whether they are typing now.
    pub is_typing: bool,
}

/// How long an indication lives and how often one may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypingTimes {
    /// Milliseconds an indication lives without being renewed.
    pub expiry_ms: i64,
    /// Milliseconds between two announced starts of one person in one room, at least.
    pub start_interval_ms: i64,
}

impl Default for TypingTimes {
    fn default() -> Self {
        Self { expiry_ms: TYPING_EXPIRY_MS, start_interval_ms: TYPING_START_INTERVAL_MS }
    }
}

/// Who is typing where. Its size is bounded by the connected people times the rooms they are in.
#[derive(Debug, Default)]
pub struct TypingBoard {
    times: TypingTimes,
    entries: BTreeMap<(RoomId, UserId), Entry>,
}

#[derive(Debug)]
struct Entry {
    state: State,
    announced_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The others know that the person types.
    Announced,
    /// The person types, but began again too soon to be announced yet.
    Waiting,
    /// The person doesn't type; the entry is there for the interval between two starts.
    Idle,
}

impl TypingBoard {
    /// An empty board.
    #[must_use]
    pub fn new(times: TypingTimes) -> Self {
        Self { times, entries: BTreeMap::new() }
    }

    /// Somebody types. Announced when it begins; a renewal says nothing, and a new start that comes too soon is
    /// announced by [`TypingBoard::sweep`] when its time has come, if they still type then.
    pub fn start(&mut self, room_id: RoomId, user_id: UserId, now: Timestamp) -> Option<TypingChange> {
        let expires_at = now.plus_ms(self.times.expiry_ms);
        let entry = self.entries.entry((room_id, user_id)).or_insert(Entry {
            state: State::Idle,
            announced_at: now.plus_ms(-self.times.start_interval_ms),
            expires_at,
        });
        entry.expires_at = expires_at;
        if entry.state == State::Announced {
            return None;
        }
        entry.state = State::Waiting;
        entry.announce(&self.times, now).then_some(TypingChange { room_id, user_id, is_typing: true })
    }

    /// Somebody stopped, sent, left or went away.
    pub fn stop(&mut self, room_id: RoomId, user_id: UserId) -> Option<TypingChange> {
        let entry = self.entries.get_mut(&(room_id, user_id))?;
        let was = std::mem::replace(&mut entry.state, State::Idle);
        (was == State::Announced).then_some(TypingChange { room_id, user_id, is_typing: false })
    }

    /// Ends what has expired, announces starts whose time has come, and forgets what no longer matters.
    pub fn sweep(&mut self, now: Timestamp) -> Vec<TypingChange> {
        let mut changes = Vec::new();
        let times = self.times;
        self.entries.retain(|&(room_id, user_id), entry| {
            if entry.state != State::Idle && entry.expires_at <= now {
                if entry.state == State::Announced {
                    changes.push(TypingChange { room_id, user_id, is_typing: false });
                }
                entry.state = State::Idle;
            }
            if entry.state == State::Waiting && entry.announce(&times, now) {
                changes.push(TypingChange { room_id, user_id, is_typing: true });
            }
            entry.state != State::Idle || now < entry.announced_at.plus_ms(times.start_interval_ms)
        });
        changes
    }

    /// Whether nobody types, so that there is nothing to sweep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Entry {
    /// Announces a start unless the last one was too short a time ago.
    fn announce(&mut self, times: &TypingTimes, now: Timestamp) -> bool {
        let is_too_soon =
            now >= self.announced_at && now.ms_since(self.announced_at) < times.start_interval_ms;
        if !is_too_soon {
            self.state = State::Announced;
            self.announced_at = now;
        }
        !is_too_soon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId::new(1);
    const ANN: UserId = UserId::new(1);

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    #[test]
    fn a_start_is_announced_once_and_renewals_prolong_it() {
        let mut board = TypingBoard::default();
        assert!(board.start(ROOM, ANN, at(0)).is_some_and(|change| change.is_typing));
        assert_eq!(board.start(ROOM, ANN, at(5_000)), None);
        assert_eq!(board.sweep(at(6_000)), []);
        assert_eq!(board.sweep(at(11_000)).len(), 1);
        assert_eq!(board.sweep(at(11_000)), []);
    }

    #[test]
    fn stopping_is_announced_once_and_a_quick_restart_when_its_time_has_come() {
        let mut board = TypingBoard::default();
        board.start(ROOM, ANN, at(0));
        assert!(board.stop(ROOM, ANN).is_some_and(|change| !change.is_typing));
        assert_eq!(board.stop(ROOM, ANN), None);
        assert_eq!(board.start(ROOM, ANN, at(1_000)), None);
        assert_eq!(board.sweep(at(2_999)), []);
        assert!(board.sweep(at(3_000)).first().is_some_and(|change| change.is_typing));
        assert_eq!(board.sweep(at(3_001)), []);
    }

    #[test]
    fn a_quick_restart_that_ends_before_its_time_is_never_announced() {
        let mut board = TypingBoard::default();
        board.start(ROOM, ANN, at(0));
        board.stop(ROOM, ANN);
        board.start(ROOM, ANN, at(1_000));
        assert_eq!(board.stop(ROOM, ANN), None);
        assert_eq!(board.sweep(at(3_000)), []);
    }

    #[test]
    fn the_board_forgets_those_who_stopped() {
        let mut board = TypingBoard::default();
        board.start(ROOM, ANN, at(0));
        board.stop(ROOM, ANN);
        board.sweep(at(3_000));
        assert!(board.is_empty());
    }
}
