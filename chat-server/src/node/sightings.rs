//! Which sessions were seen and are yet to be written down as seen: each about once an hour, not with every request.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_domain::{Command, Session, SessionId, Timestamp};

/// Sessions that are remembered, at most; one more is noted when it is next seen.
const REMEMBERED_MAX: usize = 100_000;
/// Sessions in one command.
const TOUCHED_MAX: usize = 500;

/// The sessions that were seen.
pub(crate) struct Sightings {
    /// How long what is written down of a session is good enough, in milliseconds.
    touch_ms: i64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// When each was noted. What the database says of one may be older while the write is under way.
    noted: HashMap<SessionId, Timestamp>,
    /// Until when none of a full number of them is to be forgotten.
    full_until: Timestamp,
    /// What is yet to be written down.
    waiting: BTreeSet<SessionId>,
}

impl Sightings {
    pub(crate) fn new(touch_ms: i64) -> Self {
        Self { touch_ms, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a session was seen, if that was not noted lately, and sets it so in the session.
    pub(crate) fn note(&self, session: &mut Session, now: Timestamp) {
        let is_lately = |at: Timestamp| now.ms_since(at) < self.touch_ms;
        if is_lately(session.last_seen_at) {
            return;
        }
        let mut held = self.held();
        if let Some(&at) = held.noted.get(&session.id).filter(|&&at| is_lately(at)) {
            session.last_seen_at = at;
            return;
        }
        if held.noted.len() >= REMEMBERED_MAX && now >= held.full_until {
            held.noted.retain(|_, &mut at| is_lately(at));
            // Not looked through again for each one that finds no place.
            let oldest = held.noted.values().min().copied().unwrap_or(now);
            held.full_until = oldest.plus_ms(self.touch_ms);
        }
        if held.noted.len() < REMEMBERED_MAX {
            held.noted.insert(session.id, now);
            held.waiting.insert(session.id);
            session.last_seen_at = now;
        }
    }

    /// Takes some of what is to be written down; the rest waits for the next time, so that nobody's message waits
    /// for all of it.
    pub(crate) fn take(&self, seen_at: Timestamp) -> Option<Command> {
        let waiting = &mut self.held().waiting;
        let session_ids: Vec<SessionId> = waiting.iter().copied().take(TOUCHED_MAX).collect();
        waiting.retain(|id| session_ids.binary_search(id).is_err());
        (!session_ids.is_empty()).then_some(Command::TouchSessions { session_ids, seen_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_domain::UserId;

    fn session(id: usize) -> Session {
        let at = Timestamp::from_unix_ms(0);
        let id = SessionId::new(i64::try_from(id).unwrap());
        Session { id, user_id: UserId::new(1), created_at: at, last_seen_at: at, expires_at: at }
    }

    fn taken(sightings: &Sightings) -> usize {
        match sightings.take(Timestamp::from_unix_ms(9)) {
            Some(Command::TouchSessions { session_ids, .. }) => session_ids.len(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_noted_lately_is_not_noted_again() {
        let sightings = Sightings::new(100);
        let at = Timestamp::from_unix_ms;
        let mut seen = session(1);
        sightings.note(&mut seen, at(99));
        assert!(sightings.take(at(99)).is_none());
        sightings.note(&mut seen, at(100));
        sightings.note(&mut seen, at(199));
        assert_eq!(taken(&sightings), 1);
        // Another connection of the session, or a request that reads before the write is done.
        let mut again = session(1);
        sightings.note(&mut again, at(199));
        assert_eq!((again.last_seen_at, seen.last_seen_at), (at(100), at(100)));
        assert!(sightings.take(at(199)).is_none());
        sightings.note(&mut seen, at(200));
        assert_eq!(taken(&sightings), 1);
    }

    #[test]
    fn a_crowd_is_written_down_piece_by_piece_and_is_bounded() {
        let sightings = Sightings::new(10);
        let at = Timestamp::from_unix_ms;
        (0..REMEMBERED_MAX).for_each(|id| sightings.note(&mut session(id), at(10)));
        let mut one_too_many = session(REMEMBERED_MAX);
        sightings.note(&mut one_too_many, at(11));
        assert_eq!(one_too_many, session(REMEMBERED_MAX), "noted when it is next seen");
        assert_eq!(taken(&sightings), TOUCHED_MAX);
        sightings.note(&mut one_too_many, at(20));
        assert_eq!(one_too_many.last_seen_at, at(20));
        assert_eq!(sightings.held().noted.len(), 1);
    }
}
