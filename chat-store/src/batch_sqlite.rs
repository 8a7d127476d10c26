//! The queries of a batch on SQLite: cached statements for single rows, run in a loop on the concrete connection.
//!
//! There is no round trip to save, and a statement that is prepared once costs less than one with many rows. Nothing
//! here says `LIMIT ?` (as `first` does): SQLite prepares such a statement anew whenever the limit is bound.

use std::collections::BTreeSet;

use chat_domain::repository::RoomCounters;
use chat_domain::{MessageKey, NewMessage, PresenceRecord, RoomId, Seq, UserId};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

use crate::rows::{AuthorRow, MessageRow, NewMessageRow, ParticipantRow, RoomRow, UserRow, WrittenRow};
use crate::schema::{chat_message, chat_participant, chat_room, chat_user};

/// Nobody else writes while this transaction is open, so that reading is locking.
pub(crate) fn find_rooms(connection: &mut SqliteConnection, ids: &[RoomId]) -> QueryResult<Vec<RoomRow>> {
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        rows.extend(
            chat_room::table.find(id.get()).select(RoomRow::as_select()).get_result(connection).optional()?,
        );
    }
    Ok(rows)
}

pub(crate) fn set_room_counters(
    connection: &mut SqliteConnection,
    counters: &[RoomCounters],
) -> QueryResult<()> {
    for counter in counters {
        let values = [counter.last_seq.get(), counter.members, counter.id.get()];
        let sql = "UPDATE chat_room SET last_seq = ?, members = ? WHERE id = ?";
        Update { sql, values: &values }.execute(connection)?;
    }
    Ok(())
}

pub(crate) fn find_members(
    connection: &mut SqliteConnection,
    keys: &[(RoomId, UserId)],
) -> QueryResult<(Vec<UserRow>, Vec<ParticipantRow>)> {
    let mut users = Vec::new();
    let user_ids: BTreeSet<i64> = keys.iter().map(|(_, user_id)| user_id.get()).collect();
    for user_id in user_ids {
        users.extend(
            chat_user::table.find(user_id).select(UserRow::as_select()).get_result(connection).optional()?,
        );
    }
    let mut participants = Vec::with_capacity(keys.len());
    for (room_id, user_id) in keys {
        participants.extend(
            chat_participant::table
                .filter(chat_participant::room_id.eq(room_id.get()))
                .filter(chat_participant::user_id.eq(user_id.get()))
                .select(ParticipantRow::as_select())
                .get_result(connection)
                .optional()?,
        );
    }
    Ok((users, participants))
}

pub(crate) fn find_sent(
    connection: &mut SqliteConnection,
    keys: &[(UserId, MessageKey)],
) -> QueryResult<Vec<WrittenRow>> {
    let mut rows = Vec::new();
    for (user_id, key) in keys {
        rows.extend(
            chat_message::table
                .left_join(chat_user::table)
                .filter(chat_message::user_id.eq(user_id.get()))
                .filter(chat_message::client_key.eq(key.as_str()))
                .select((MessageRow::as_select(), Option::<AuthorRow>::as_select()))
                .get_result::<WrittenRow>(connection)
                .optional()?,
        );
    }
    Ok(rows)
}

pub(crate) fn insert_messages(
    connection: &mut SqliteConnection,
    messages: &[NewMessage],
) -> QueryResult<Vec<i64>> {
    messages
        .iter()
        .map(|message| {
            diesel::insert_into(chat_message::table)
                .values(NewMessageRow::from(message))
                .returning(chat_message::id)
                .get_result(connection)
        })
        .collect()
}

pub(crate) fn raise_read_seqs(
    connection: &mut SqliteConnection,
    read: &[(RoomId, UserId, Seq)],
) -> QueryResult<()> {
    for (room_id, user_id, seq) in read {
        let values = [seq.get(), room_id.get(), user_id.get(), seq.get()];
        let sql =
            "UPDATE chat_participant SET read_seq = ? WHERE room_id = ? AND user_id = ? AND read_seq < ?";
        Update { sql, values: &values }.execute(connection)?;
    }
    Ok(())
}

pub(crate) fn record_presence(
    connection: &mut SqliteConnection,
    records: &[PresenceRecord],
) -> QueryResult<()> {
    for record in records {
        let values = [
            i64::from(record.is_online),
            record.last_active.unix_ms(),
            record.room_id.get(),
            record.user_id.get(),
        ];
        let sql =
            "UPDATE chat_participant SET is_online = ?, last_active = ? WHERE room_id = ? AND user_id = ?";
        Update { sql, values: &values }.execute(connection)?;
    }
    Ok(())
}

/// An update with a constant text and a number for each of its question marks, prepared once per connection.
/// Diesel prepares its own updates anew each time, which costs more than running them.
struct Update<'v> {
    sql: &'static str,
    values: &'v [i64],
}

impl QueryFragment<Sqlite> for Update<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for part in self.sql.split_inclusive('?') {
            pass.push_sql(part.trim_end_matches('?'));
            if part.ends_with('?')
                && let Some(value) = values.next()
            {
                pass.push_bind_param::<BigInt, i64>(value)?;
            }
        }
        Ok(())
    }
}

/// Known by its text, since all updates have the same type.
impl QueryId for Update<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<SqliteConnection> for Update<'_> {}
