//! Typing: who is writing in which room. Best effort, and it always ends by itself.

use std::collections::HashMap;

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
    entries: HashMap<(RoomId, UserId), Entry>,
}

#[derive(Debug)]
struct Entry {
    is_typing: bool,
    announced_at: Timestamp,
    expires_at: Timestamp,
}

impl TypingBoard {
    /// An empty board.
    #[must_use]
    pub fn new(times: TypingTimes) -> Self {
        Self { times, entries: HashMap::new() }
    }

    /// Somebody types. Announced when it begins; a renewal, or a new start too soon, says nothing.
    pub fn start(&mut self, room_id: RoomId, user_id: UserId, now: Timestamp) -> Option<TypingChange> {
        let expires_at = now.plus_ms(self.times.expiry_ms);
        let change = TypingChange { room_id, user_id, is_typing: true };
        let Some(entry) = self.entries.get_mut(&(room_id, user_id)) else {
            self.entries.insert((room_id, user_id), Entry { is_typing: true, announced_at: now, expires_at });
            return Some(change);
        };
        if entry.is_typing {
            entry.expires_at = expires_at;
            return None;
        }
        if now < entry.announced_at.plus_ms(self.times.start_interval_ms) && now >= entry.announced_at {
            return None;
        }
        *entry = Entry { is_typing: true, announced_at: now, expires_at };
        Some(change)
    }

    /// Somebody stopped, sent, left or went away.
    pub fn stop(&mut self, room_id: RoomId, user_id: UserId) -> Option<TypingChange> {
        let entry = self.entries.get_mut(&(room_id, user_id))?;
        std::mem::replace(&mut entry.is_typing, false).then_some(TypingChange {
            room_id,
            user_id,
            is_typing: false,
        })
    }

    /// Ends what has expired, and forgets what no longer matters.
    pub fn sweep(&mut self, now: Timestamp) -> Vec<TypingChange> {
        let mut ended = Vec::new();
        let start_interval_ms = self.times.start_interval_ms;
        self.entries.retain(|&(room_id, user_id), entry| {
            if entry.is_typing && entry.expires_at <= now {
                entry.is_typing = false;
                ended.push(TypingChange { room_id, user_id, is_typing: false });
            }
            entry.is_typing || now < entry.announced_at.plus_ms(start_interval_ms)
        });
        ended
    }

    /// Whether nobody types, so that there is nothing to sweep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
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
    fn stopping_is_announced_once_and_a_quick_restart_not_at_all() {
        let mut board = TypingBoard::default();
        board.start(ROOM, ANN, at(0));
        assert!(board.stop(ROOM, ANN).is_some_and(|change| !change.is_typing));
        assert_eq!(board.stop(ROOM, ANN), None);
        assert_eq!(board.start(ROOM, ANN, at(2_999)), None);
        assert!(board.start(ROOM, ANN, at(3_000)).is_some());
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
