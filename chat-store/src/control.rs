//! The control log, and what is known of the database as a whole.

use chat_domain::repository::{ControlLog, DatabaseState, Meta, RepositoryError, Result};
use chat_domain::{ControlAction, ControlEntry, ControlSeq, RoomId, SessionId, Timestamp, UserId};
use data_encoding::HEXLOWER;
use diesel::prelude::*;

use crate::any_connection::{AnyConnection, on_backend};
use crate::error::OpenError;
use crate::rows::ControlRow;
use crate::schema::{chat_control, chat_meta};
use crate::transaction::StoreTransaction;

/// The id of the one row of `chat_meta`.
pub(crate) const META_ID: i64 = 1;
/// Random bytes in an epoch.
const EPOCH_BYTES: usize = 16;

impl ControlLog for StoreTransaction<'_> {
    fn append_control(&mut self, action: &ControlAction, now: Timestamp) -> Result<ControlSeq> {
        // The row stays locked until the commit, so that the numbers are dense and in commit order.
        let seq: Option<i64> = self.query(|connection| {
            diesel::update(chat_meta::table.find(META_ID))
                .set(chat_meta::control_seq.eq(chat_meta::control_seq + 1))
                .returning(chat_meta::control_seq)
                .get_result(connection)
                .optional()
        })?;
        let seq = self.noted(seq.ok_or_else(no_meta))?;
        let (user_id, room_id, session_id) = action.ids();
        self.query(|connection| {
            diesel::insert_into(chat_control::table)
                .values((
                    chat_control::seq.eq(seq),
                    chat_control::created_at.eq(now.unix_ms()),
                    chat_control::action.eq(action.name()),
                    chat_control::user_id.eq(user_id.map(UserId::get)),
                    chat_control::room_id.eq(room_id.map(RoomId::get)),
                    chat_control::session_id.eq(session_id.map(SessionId::get)),
                ))
                .execute(connection)
        })?;
        Ok(ControlSeq::new(seq))
    }

    fn list_control(&mut self, after: ControlSeq, limit: u32) -> Result<Vec<ControlEntry>> {
        let rows: Vec<ControlRow> = self.query(|connection| {
            chat_control::table
                .filter(chat_control::seq.gt(after.get()))
                .order(chat_control::seq)
                .limit(i64::from(limit))
                .select(ControlRow::as_select())
                .load(connection)
        })?;
        Ok(rows.into_iter().map(ControlEntry::from).collect())
    }
}

impl Meta for StoreTransaction<'_> {
    fn database_state(&mut self) -> Result<DatabaseState> {
        let state: Option<(String, i64)> = self.query(|connection| {
            let columns = (chat_meta::epoch, chat_meta::control_seq);
            chat_meta::table.find(META_ID).select(columns).get_result(connection).optional()
        })?;
        let (epoch, control_seq) = self.noted(state.ok_or_else(no_meta))?;
        Ok(DatabaseState { epoch, control_seq: ControlSeq::new(control_seq) })
    }
}

/// Gives a new database its epoch. Of two programs that start together one wins.
pub(crate) fn ensure_meta(connection: &mut AnyConnection) -> std::result::Result<(), OpenError> {
    let found: Option<i64> =
        chat_meta::table.find(META_ID).select(chat_meta::id).get_result(connection).optional()?;
    if found.is_some() {
        return Ok(());
    }
    let epoch = new_epoch()?;
    on_backend!(connection, |c| diesel::insert_into(chat_meta::table)
        .values((chat_meta::id.eq(META_ID), chat_meta::epoch.eq(&epoch)))
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// Draws an epoch.
pub(crate) fn new_epoch() -> std::result::Result<String, OpenError> {
    let mut random = [0_u8; EPOCH_BYTES];
    getrandom::fill(&mut random)
        .map_err(|error| OpenError::Unsuitable(format!("the system gives no random bytes: {error}")))?;
    Ok(HEXLOWER.encode(&random))
}

fn no_meta() -> RepositoryError {
    RepositoryError::Corrupt("chat_meta has no row".to_owned())
}
