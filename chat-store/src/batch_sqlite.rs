//! The queries of a batch on SQLite: cached statements for single rows, run in a loop on the concrete connection.
//!
//! There is no round trip to save, and a statement that is prepared once costs less than one with many rows. Nothing
//! here says `LIMIT ?` (as `first` does): SQLite prepares such a statement anew whenever the limit is bound.

use std::collections::BTreeSet;

use chat_domain::repository::RoomCounters;
use chat_domain::{MessageKey, NewMessage, PresenceRecord, RoomId, Seq, UserId};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::rows::{AuthorRow, MessageRow, ParticipantRow, RoomRow, UserRow, WrittenRow};
use crate::schema::{chat_message, chat_participant, chat_room, chat_user};
use crate::sqlite_statement::{Value, bind};
use crate::statement::Statement;

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

struct SetRoomCounters;

impl Statement for SetRoomCounters {
    const TEXT: &'static [&'static str] =
        &["UPDATE chat_room SET last_seq = ", ", members = ", " WHERE id = ", ""];
    type Row = ();
}

pub(crate) fn set_room_counters(
    connection: &mut SqliteConnection,
    counters: &[RoomCounters],
) -> QueryResult<()> {
    for counter in counters {
        let values = [counter.last_seq.get(), counter.members, counter.id.get()].map(Value::Number);
        bind::<SetRoomCounters>(&values).execute(connection)?;
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

struct FindSentId;

impl Statement for FindSentId {
    const TEXT: &'static [&'static str] =
        &["SELECT id FROM chat_message WHERE user_id = ", " AND client_key = ", ""];
    type Row = BigInt;
}

/// Most keys are new: a look into the index says so, and only what is there is read.
pub(crate) fn find_sent(
    connection: &mut SqliteConnection,
    keys: &[(UserId, MessageKey)],
) -> QueryResult<Vec<WrittenRow>> {
    let mut rows = Vec::new();
    for (user_id, key) in keys {
        let values = [Value::Number(user_id.get()), Value::Text(key.as_str())];
        let id = bind::<FindSentId>(&values).get_result::<i64>(connection).optional()?;
        let Some(id) = id else { continue };
        rows.push(
            chat_message::table
                .left_join(chat_user::table)
                .filter(chat_message::id.eq(id))
                .select((MessageRow::as_select(), Option::<AuthorRow>::as_select()))
                .get_result(connection)?,
        );
    }
    Ok(rows)
}

struct LastMessageId;

impl Statement for LastMessageId {
    const TEXT: &'static [&'static str] = &["SELECT seq FROM sqlite_sequence WHERE name = 'chat_message'"];
    type Row = BigInt;
}

struct InsertMessage;

impl Statement for InsertMessage {
    const TEXT: &'static [&'static str] = &[
        "INSERT INTO chat_message (id, room_id, user_id, message, message_type, created_at, seq, changed_seq, \
         client_key) VALUES (",
        ", ",
        ", ",
        ", ",
        ", ",
        ", ",
        ", ",
        ", ",
        ", ",
        ")",
    ];
    type Row = ();
}

/// Inserts messages. Nobody else writes while this transaction is open, so that the next ids are known: asking for
/// them with `RETURNING` would build a table in memory for each message.
pub(crate) fn insert_messages(
    connection: &mut SqliteConnection,
    messages: &[NewMessage],
) -> QueryResult<Vec<i64>> {
    let last = bind::<LastMessageId>(&[]).get_result::<i64>(connection).optional()?.unwrap_or(0);
    let mut ids = Vec::with_capacity(messages.len());
    for (id, message) in (last + 1..).zip(messages) {
        let values = [
            Value::Number(id),
            Value::Number(message.room_id.get()),
            Value::PerhapsNumber(message.user_id.map(UserId::get)),
            Value::Text(&message.body),
            Value::Text(message.kind.as_str()),
            Value::Number(message.created_at.unix_ms()),
            Value::Number(message.seq.get()),
            Value::Number(message.seq.get()),
            Value::PerhapsText(message.key.as_ref().map(MessageKey::as_str)),
        ];
        bind::<InsertMessage>(&values).execute(connection)?;
        ids.push(id);
    }
    Ok(ids)
}

struct RaiseReadSeq;

impl Statement for RaiseReadSeq {
    const TEXT: &'static [&'static str] = &[
        "UPDATE chat_participant SET read_seq = ",
        " WHERE room_id = ",
        " AND user_id = ",
        " AND read_seq < ",
        "",
    ];
    type Row = ();
}

pub(crate) fn raise_read_seqs(
    connection: &mut SqliteConnection,
    read: &[(RoomId, UserId, Seq)],
) -> QueryResult<()> {
    for (room_id, user_id, seq) in read {
        let values = [seq.get(), room_id.get(), user_id.get(), seq.get()].map(Value::Number);
        bind::<RaiseReadSeq>(&values).execute(connection)?;
    }
    Ok(())
}

struct RecordPresence;

impl Statement for RecordPresence {
    const TEXT: &'static [&'static str] = &[
        "UPDATE chat_participant SET is_online = ",
        ", last_active = ",
        " WHERE room_id = ",
        " AND user_id = ",
        "",
    ];
    type Row = ();
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
        bind::<RecordPresence>(&values.map(Value::Number)).execute(connection)?;
    }
    Ok(())
}
