//! The queries of a batch on PostgreSQL: one round trip each, however many rows.
//!
//! Pairs travel as parallel arrays; `unnest` makes rows of them again. A transaction here is READ COMMITTED: each
//! statement sees what was committed before it began, so what runs after the locks sees all that they waited for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chat_domain::repository::RoomCounters;
use chat_domain::{MessageKey, NewMessage, PresenceRecord, RoomId, Seq, UserId};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Text};

use crate::rows::{AuthorRow, MessageRow, NewMessageRow, ParticipantRow, RoomRow, UserRow, WrittenRow};
use crate::schema::{chat_message, chat_room, chat_user};

/// Rows in one insert, at most: a statement takes up to 65,535 values, and a message has eight.
const INSERTED_ROWS_MAX: usize = 4_096;

/// Locks in ascending order of the ids, so that two batches never wait for one another.
pub(crate) fn lock_rooms(connection: &mut PgConnection, ids: &[RoomId]) -> QueryResult<Vec<RoomRow>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    chat_room::table
        .filter(chat_room::id.eq_any(ids))
        .order(chat_room::id)
        .select(RoomRow::as_select())
        .for_update()
        .load(connection)
}

pub(crate) fn set_room_counters(connection: &mut PgConnection, counters: &[RoomCounters]) -> QueryResult<()> {
    sql_query(
        "UPDATE chat_room AS room SET last_seq = new.last_seq, members = new.members \
         FROM unnest($1, $2, $3) AS new (id, last_seq, members) WHERE room.id = new.id",
    )
    .bind::<Array<BigInt>, _>(counters.iter().map(|counter| counter.id.get()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(counters.iter().map(|counter| counter.last_seq.get()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(counters.iter().map(|counter| counter.members).collect::<Vec<_>>())
    .execute(connection)
    .map(drop)
}

pub(crate) fn find_members(
    connection: &mut PgConnection,
    keys: &[(RoomId, UserId)],
) -> QueryResult<(Vec<UserRow>, Vec<ParticipantRow>)> {
    let (room_ids, user_ids) = pairs(keys.iter().copied());
    let distinct: Vec<i64> = user_ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let users = chat_user::table
        .filter(chat_user::id.eq_any(distinct))
        .select(UserRow::as_select())
        .load(connection)?;
    let participants = sql_query(
        "SELECT participant.* FROM unnest($1, $2) AS wanted (room_id, user_id) \
         JOIN chat_participant AS participant \
           ON participant.room_id = wanted.room_id AND participant.user_id = wanted.user_id",
    )
    .bind::<Array<BigInt>, _>(room_ids)
    .bind::<Array<BigInt>, _>(user_ids)
    .load(connection)?;
    Ok((users, participants))
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Retries are rare: the first query looks for their ids alone, and mostly finds none.
pub(crate) fn find_sent(
    connection: &mut PgConnection,
    keys: &[(UserId, MessageKey)],
) -> QueryResult<Vec<WrittenRow>> {
    let found: Vec<Found> = sql_query(
        "SELECT message.id FROM unnest($1, $2) AS wanted (user_id, client_key) \
         JOIN chat_message AS message \
           ON message.user_id = wanted.user_id AND message.client_key = wanted.client_key COLLATE \"C\"",
    )
    .bind::<Array<BigInt>, _>(keys.iter().map(|(user_id, _)| user_id.get()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(keys.iter().map(|(_, key)| key.as_str()).collect::<Vec<_>>())
    .load(connection)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    chat_message::table
        .left_join(chat_user::table)
        .filter(chat_message::id.eq_any(found.into_iter().map(|found| found.id).collect::<Vec<_>>()))
        .select((MessageRow::as_select(), Option::<AuthorRow>::as_select()))
        .load(connection)
}

/// The answer to an insert of many rows has no promised order, so the ids are matched by their numbers.
pub(crate) fn insert_messages(
    connection: &mut PgConnection,
    messages: &[NewMessage],
) -> QueryResult<Vec<i64>> {
    let mut ids: HashMap<(i64, i64), i64> = HashMap::with_capacity(messages.len());
    for part in messages.chunks(INSERTED_ROWS_MAX) {
        let rows: Vec<NewMessageRow<'_>> = part.iter().map(NewMessageRow::from).collect();
        let inserted: Vec<(i64, i64, i64)> = diesel::insert_into(chat_message::table)
            .values(rows)
            .returning((chat_message::room_id, chat_message::seq, chat_message::id))
            .get_results(connection)?;
        ids.extend(inserted.into_iter().map(|(room_id, seq, id)| ((room_id, seq), id)));
    }
    Ok(messages
        .iter()
        .filter_map(|message| ids.get(&(message.room_id.get(), message.seq.get())).copied())
        .collect())
}

pub(crate) fn raise_read_seqs(
    connection: &mut PgConnection,
    read: &[(RoomId, UserId, Seq)],
) -> QueryResult<()> {
    // One row per membership, because an update from many takes any of them.
    let mut furthest: BTreeMap<(RoomId, UserId), Seq> = BTreeMap::new();
    for &(room_id, user_id, seq) in read {
        let held = furthest.entry((room_id, user_id)).or_insert(seq);
        *held = seq.max(*held);
    }
    let (room_ids, user_ids) = pairs(furthest.keys().copied());
    sql_query(
        "UPDATE chat_participant AS participant SET read_seq = new.read_seq \
         FROM unnest($1, $2, $3) AS new (room_id, user_id, read_seq) \
         WHERE participant.room_id = new.room_id AND participant.user_id = new.user_id \
           AND participant.read_seq < new.read_seq",
    )
    .bind::<Array<BigInt>, _>(room_ids)
    .bind::<Array<BigInt>, _>(user_ids)
    .bind::<Array<BigInt>, _>(furthest.values().map(|seq| seq.get()).collect::<Vec<_>>())
    .execute(connection)
    .map(drop)
}

pub(crate) fn record_presence(connection: &mut PgConnection, records: &[PresenceRecord]) -> QueryResult<()> {
    // The last record of a membership counts, as if they were written one after the other.
    let last: BTreeMap<(RoomId, UserId), &PresenceRecord> =
        records.iter().map(|record| ((record.room_id, record.user_id), record)).collect();
    let (room_ids, user_ids) = pairs(last.keys().copied());
    sql_query(
        "UPDATE chat_participant AS participant SET is_online = new.is_online, last_active = new.last_active \
         FROM unnest($1, $2, $3, $4) AS new (room_id, user_id, is_online, last_active) \
         WHERE participant.room_id = new.room_id AND participant.user_id = new.user_id",
    )
    .bind::<Array<BigInt>, _>(room_ids)
    .bind::<Array<BigInt>, _>(user_ids)
    .bind::<Array<Bool>, _>(last.values().map(|record| record.is_online).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(last.values().map(|record| record.last_active.unix_ms()).collect::<Vec<_>>())
    .execute(connection)
    .map(drop)
}

fn pairs(keys: impl Iterator<Item = (RoomId, UserId)>) -> (Vec<i64>, Vec<i64>) {
    keys.map(|(room_id, user_id)| (room_id.get(), user_id.get())).unzip()
}
