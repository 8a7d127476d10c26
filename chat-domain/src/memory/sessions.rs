//! Signed-in devices.

use std::cmp::Reverse;

use super::MemoryRepository;
use crate::limits::usize_of;
use crate::repository::{Result, Sessions};
use crate::{ListedSession, NewSession, Session, SessionId, Timestamp, TokenHash, User, UserId};

impl Sessions for MemoryRepository {
    fn add_session(&mut self, session: &NewSession) -> Result<Session> {
        let added = Session {
            id: SessionId::new(self.next_id()),
            user_id: session.user_id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
        };
        let listed = ListedSession { session: added, device: session.device.clone() };
        self.sessions.insert(added.id, (listed, session.token_hash));
        Ok(added)
    }

    fn find_session(&mut self, token_hash: &TokenHash) -> Result<Option<(Session, User)>> {
        let found = self.sessions.values().find(|(_, hash)| hash == token_hash);
        let session = found.map(|(listed, _)| listed.session);
        Ok(session.and_then(|session| Some((session, self.users.get(&session.user_id)?.0.clone()))))
    }

    fn find_session_of(&mut self, user_id: UserId, id: SessionId) -> Result<Option<Session>> {
        let found = self.sessions.get(&id).map(|(listed, _)| listed.session);
        Ok(found.filter(|session| session.user_id == user_id))
    }

    fn list_sessions(&mut self, user_id: UserId, limit: u32) -> Result<Vec<ListedSession>> {
        let listed = self.sessions.values().map(|(listed, _)| listed);
        let mut own: Vec<ListedSession> =
            listed.filter(|listed| listed.session.user_id == user_id).cloned().collect();
        own.sort_by_key(|listed| Reverse((listed.session.last_seen_at, listed.session.id)));
        own.truncate(usize_of(limit));
        Ok(own)
    }

    fn touch_sessions(&mut self, ids: &[SessionId], seen_at: Timestamp) -> Result<()> {
        for id in ids {
            if let Some((ListedSession { session, .. }, _)) = self.sessions.get_mut(id) {
                session.last_seen_at = session.last_seen_at.max(seen_at);
            }
        }
        Ok(())
    }

    fn remove_session(&mut self, user_id: UserId, id: SessionId) -> Result<bool> {
        let found = self.find_session_of(user_id, id)?;
        Ok(found.is_some_and(|session| self.sessions.remove(&session.id).is_some()))
    }

    fn remove_sessions_of(&mut self, user_id: UserId) -> Result<u64> {
        let before = self.sessions.len();
        self.sessions.retain(|_, (listed, _)| listed.session.user_id != user_id);
        Ok(count(before - self.sessions.len()))
    }

    fn remove_ended_sessions(&mut self, now: Timestamp, unseen_since: Timestamp, limit: u32) -> Result<u64> {
        let expired = self.remove_up_to(limit, |session| session.expires_at <= now);
        let unseen = self.remove_up_to(limit, |session| session.last_seen_at <= unseen_since);
        Ok(count(expired + unseen))
    }
}

impl MemoryRepository {
    fn remove_up_to(&mut self, limit: u32, has_ended: impl Fn(&Session) -> bool) -> usize {
        let sessions = self.sessions.values().map(|(listed, _)| listed.session);
        let ended: Vec<Session> =
            sessions.filter(|session| has_ended(session)).take(usize_of(limit)).collect();
        for session in &ended {
            self.sessions.remove(&session.id);
        }
        ended.len()
    }
}

fn count(sessions: usize) -> u64 {
    u64::try_from(sessions).unwrap_or(u64::MAX)
}
