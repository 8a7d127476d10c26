//! The queries of a batch on SQLite: cached statements for single rows, run in a loop on the concrete connection.
//!
//! There is no round trip to save, and a statement that is prepared once costs less than one with many rows.

use std::collections::BTreeSet;

use chat_domain::repository::RoomCounters;
use chat_domain::{MessageKey, NewMessage, PresenceRecord, RoomId, Seq, UserId};
use diesel::prelude::*;

use crate::rows::{AuthorRow, MessageRow, NewMessageRow, ParticipantRow, RoomRow, UserRow, WrittenRow};
use crate::schema::{chat_message, chat_participant, chat_room, chat_user};

/// Nobody else writes while this transaction is open, so that reading is locking.
pub(crate) fn find_rooms(connection: &mut SqliteConnection, ids: &[RoomId]) -> QueryResult<Vec<RoomRow>> {
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        rows.extend(
            chat_room::table.find(id.get()).select(RoomRow::as_select()).first(connection).optional()?,
        );
    }
    Ok(rows)
}

pub(crate) fn set_room_counters(
    connection: &mut SqliteConnection,
    counters: &[RoomCounters],
) -> QueryResult<()> {
    for counter in counters {
        diesel::update(chat_room::table.find(counter.id.get()))
            .set((chat_room::last_seq.eq(counter.last_seq.get()), chat_room::members.eq(counter.members)))
            .execute(connection)?;
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
            chat_user::table.find(user_id).select(UserRow::as_select()).first(connection).optional()?,
        );
    }
    let mut participants = Vec::with_capacity(keys.len());
    for (room_id, user_id) in keys {
        participants.extend(
            chat_participant::table
                .filter(chat_participant::room_id.eq(room_id.get()))
                .filter(chat_participant::user_id.eq(user_id.get()))
                .select(ParticipantRow::as_select())
                .first(connection)
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
                .first::<WrittenRow>(connection)
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
        diesel::update(
            chat_participant::table
                .filter(chat_participant::room_id.eq(room_id.get()))
                .filter(chat_participant::user_id.eq(user_id.get()))
                .filter(chat_participant::read_seq.lt(seq.get())),
        )
        .set(chat_participant::read_seq.eq(seq.get()))
        .execute(connection)?;
    }
    Ok(())
}

pub(crate) fn record_presence(
    connection: &mut SqliteConnection,
    records: &[PresenceRecord],
) -> QueryResult<()> {
    for record in records {
        diesel::update(
            chat_participant::table
                .filter(chat_participant::room_id.eq(record.room_id.get()))
                .filter(chat_participant::user_id.eq(record.user_id.get())),
        )
        .set((
            chat_participant::is_online.eq(record.is_online),
            chat_participant::last_active.eq(record.last_active.unix_ms()),
        ))
        .execute(connection)?;
    }
    Ok(())
}
