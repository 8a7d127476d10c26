//! Which sessions were seen and are yet to be written down as seen: each about once an hour, not with every request.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use chat_domain::{Command, Session, SessionId, Timestamp};

/// Sessions that wait to be written down, at most; one more is noted when it is next seen.
const WAITING_MAX: usize = 100_000;
/// Sessions in one command.
const TOUCHED_MAX: usize = 500;

/// The sessions that were seen.
pub(crate) struct Sightings {
    /// How long what is written down of a session is good enough, in milliseconds.
    touch_ms: i64,
    waiting: Mutex<BTreeSet<SessionId>>,
}

impl Sightings {
    pub(crate) const fn new(touch_ms: i64) -> Self {
        Self { touch_ms, waiting: Mutex::new(BTreeSet::new()) }
    }

    /// Notes that a session was seen, if that was not written down lately, and sets it so in the session.
    pub(crate) fn note(&self, session: &mut Session, now: Timestamp) {
        if now.ms_since(session.last_seen_at) < self.touch_ms {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX || waiting.contains(&session.id) {
            waiting.insert(session.id);
            session.last_seen_at = now;
        }
    }

    /// Takes some of what is to be written down; the rest waits for the next time, so that nobody's message waits
    /// for all of it.
    pub(crate) fn take(&self, now: Timestamp) -> Option<Command> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let session_ids: Vec<SessionId> = waiting.iter().copied().take(TOUCHED_MAX).collect();
        waiting.retain(|id| session_ids.binary_search(id).is_err());
        (!session_ids.is_empty()).then_some(Command::TouchSessions { session_ids, seen_at: now })
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
    fn what_was_written_down_lately_is_not_noted_again() {
        let sightings = Sightings::new(100);
        let mut seen = session(1);
        sightings.note(&mut seen, Timestamp::from_unix_ms(99));
        assert!(sightings.take(Timestamp::from_unix_ms(99)).is_none());
        sightings.note(&mut seen, Timestamp::from_unix_ms(100));
        sightings.note(&mut seen, Timestamp::from_unix_ms(199));
        // Another connection of the same session.
        sightings.note(&mut session(1), Timestamp::from_unix_ms(199));
        assert_eq!(taken(&sightings), 1);
        assert!(sightings.take(Timestamp::from_unix_ms(199)).is_none());
        sightings.note(&mut seen, Timestamp::from_unix_ms(200));
        assert_eq!(taken(&sightings), 1);
    }

    #[test]
    fn a_crowd_is_written_down_piece_by_piece_and_is_bounded() {
        let sightings = Sightings::new(1);
        let now = Timestamp::from_unix_ms(1);
        (0..WAITING_MAX).for_each(|id| sightings.note(&mut session(id), now));
        let mut one_too_many = session(WAITING_MAX);
        sightings.note(&mut one_too_many, now);
        assert_eq!(one_too_many, session(WAITING_MAX), "noted when it is next seen");
        assert_eq!(taken(&sightings), TOUCHED_MAX);
        sightings.note(&mut one_too_many, now);
        assert_eq!(one_too_many.last_seen_at, now);
    }
}
