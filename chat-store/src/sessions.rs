//! Signed-in devices.

use chat_domain::repository::{Result, Sessions};
use chat_domain::{
    DeviceName, ListedSession, NewSession, Session, SessionId, Timestamp, TokenHash, User, UserId,
};
use diesel::prelude::*;

use crate::any_connection::on_backend;
use crate::rows::{ListedSessionRow, SessionRow, UserRow, listed_session};
use crate::schema::{chat_session, chat_user};
use crate::transaction::StoreTransaction;

impl Sessions for StoreTransaction<'_> {
    fn add_session(&mut self, session: &NewSession) -> Result<Session> {
        self.query(|connection| {
            on_backend!(connection, |c| diesel::insert_into(chat_session::table)
                .values((
                    chat_session::user_id.eq(session.user_id.get()),
                    chat_session::token_hash.eq(session.token_hash.as_bytes().as_slice()),
                    chat_session::created_at.eq(session.created_at.unix_ms()),
                    chat_session::last_seen_at.eq(session.last_seen_at.unix_ms()),
                    chat_session::expires_at.eq(session.expires_at.unix_ms()),
                    chat_session::device.eq(session.device.as_ref().map(DeviceName::as_str)),
                ))
                .returning(SessionRow::as_returning())
                .get_result(c))
        })
        .map(SessionRow::into)
    }

    fn find_session(&mut self, token_hash: &TokenHash) -> Result<Option<(Session, User)>> {
        let found: Option<(SessionRow, UserRow)> = self.query(|connection| {
            chat_session::table
                .inner_join(chat_user::table)
                .filter(chat_session::token_hash.eq(token_hash.as_bytes().as_slice()))
                .select((SessionRow::as_select(), UserRow::as_select()))
                .get_result(connection)
                .optional()
        })?;
        let found = found.map(|(session, user)| Ok((session.into(), user.try_into()?)));
        self.noted(found.transpose())
    }

    fn find_session_of(&mut self, user_id: UserId, id: SessionId) -> Result<Option<Session>> {
        let found: Option<SessionRow> = self.query(|connection| {
            chat_session::table
                .find(id.get())
                .filter(chat_session::user_id.eq(user_id.get()))
                .select(SessionRow::as_select())
                .get_result(connection)
                .optional()
        })?;
        Ok(found.map(SessionRow::into))
    }

    fn list_sessions(&mut self, user_id: UserId, limit: u32) -> Result<Vec<ListedSession>> {
        let rows: Vec<ListedSessionRow> = self.query(|connection| {
            chat_session::table
                .filter(chat_session::user_id.eq(user_id.get()))
                .order((chat_session::last_seen_at.desc(), chat_session::id.desc()))
                .limit(i64::from(limit))
                .select((SessionRow::as_select(), chat_session::device))
                .load(connection)
        })?;
        self.noted(rows.into_iter().map(listed_session).collect())
    }

    fn touch_sessions(&mut self, ids: &[SessionId], seen_at: Timestamp) -> Result<()> {
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        self.query(|connection| {
            diesel::update(chat_session::table)
                .filter(chat_session::id.eq_any(&ids))
                .filter(chat_session::last_seen_at.lt(seen_at.unix_ms()))
                .set(chat_session::last_seen_at.eq(seen_at.unix_ms()))
                .execute(connection)
        })
        .map(drop)
    }

    fn remove_session(&mut self, user_id: UserId, id: SessionId) -> Result<bool> {
        self.query(|connection| {
            diesel::delete(chat_session::table.find(id.get()))
                .filter(chat_session::user_id.eq(user_id.get()))
                .execute(connection)
                .map(|removed| removed > 0)
        })
    }

    fn remove_sessions_of(&mut self, user_id: UserId) -> Result<u64> {
        self.query(|connection| {
            diesel::delete(chat_session::table.filter(chat_session::user_id.eq(user_id.get())))
                .execute(connection)
        })
        .map(count)
    }

    fn remove_ended_sessions(&mut self, now: Timestamp, unseen_since: Timestamp, limit: u32) -> Result<u64> {
        // Two queries, because each kind has its own index.
        let expired: Vec<i64> = self.query(|connection| {
            chat_session::table
                .filter(chat_session::expires_at.le(now.unix_ms()))
                .order(chat_session::expires_at)
                .limit(i64::from(limit))
                .select(chat_session::id)
                .load(connection)
        })?;
        let removed = self.remove_sessions(&expired)?;
        let unseen: Vec<i64> = self.query(|connection| {
            chat_session::table
                .filter(chat_session::last_seen_at.le(unseen_since.unix_ms()))
                .order(chat_session::last_seen_at)
                .limit(i64::from(limit))
                .select(chat_session::id)
                .load(connection)
        })?;
        Ok(removed + self.remove_sessions(&unseen)?)
    }
}

impl StoreTransaction<'_> {
    fn remove_sessions(&mut self, ids: &[i64]) -> Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        self.query(|connection| {
            diesel::delete(chat_session::table.filter(chat_session::id.eq_any(ids))).execute(connection)
        })
        .map(count)
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
