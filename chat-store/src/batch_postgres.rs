//! The queries of a batch on PostgreSQL: one round trip each, however many rows.
//!
//! Rows travel as parallel arrays, so that a statement has the same text for any number of them, and is parsed once per
//! connection; `unnest` makes rows of them again. It stands in a list of columns, where a row is made when it is asked
//! for; behind `FROM` each array would be written into a table in memory first.
//! A transaction here is READ COMMITTED: each statement sees what was committed before it began, so what runs after the
//! locks sees all that they waited for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chat_domain::repository::RoomCounters;
use chat_domain::{MessageKey, NewMessage, PresenceRecord, RoomId, Seq, UserId};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use crate::postgres_statement::{Column, bind};
use crate::rows::{AuthorRow, MessageRow, ParticipantRow, RoomRow, UserRow, WrittenRow};
use crate::schema::{chat_message, chat_room, chat_user};
use crate::statement::Statement;

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

struct SetRoomCounters;

impl Statement for SetRoomCounters {
    const TEXT: &'static [&'static str] = &[
        "UPDATE chat_room AS room SET last_seq = new.last_seq, members = new.members FROM (SELECT unnest(",
        ") AS id, unnest(",
        ") AS last_seq, unnest(",
        ") AS members) AS new WHERE room.id = new.id",
    ];
    type Row = ();
}

pub(crate) fn set_room_counters(connection: &mut PgConnection, counters: &[RoomCounters]) -> QueryResult<()> {
    let numbers = |of: fn(&RoomCounters) -> i64| Column::Numbers(counters.iter().map(of).collect());
    let columns = [
        numbers(|counters| counters.id.get()),
        numbers(|counters| counters.last_seq.get()),
        numbers(|counters| counters.members),
    ];
    bind::<SetRoomCounters>(&columns).execute(connection).map(drop)
}

struct FindParticipants;

impl Statement for FindParticipants {
    const TEXT: &'static [&'static str] = &[
        "SELECT participant.room_id, participant.user_id, participant.joined_at, participant.last_active, \
         participant.is_online, participant.read_seq FROM (SELECT unnest(",
        ") AS room_id, unnest(",
        ") AS user_id) AS wanted JOIN chat_participant AS participant \
           ON participant.room_id = wanted.room_id AND participant.user_id = wanted.user_id",
    ];
    type Row = (BigInt, BigInt, BigInt, BigInt, Bool, BigInt);
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
    let columns = [Column::Numbers(room_ids), Column::Numbers(user_ids)];
    let participants = bind::<FindParticipants>(&columns).load(connection)?;
    Ok((users, participants))
}

/// One look along the index for each key, whatever is in the table: the plan is kept, and one that was made while
/// messages were few must not scan them once they are many.
struct FindSent;

impl Statement for FindSent {
    const TEXT: &'static [&'static str] = &[
        "SELECT message.id FROM (SELECT unnest(",
        ") AS user_id, unnest(",
        ") AS client_key) AS wanted CROSS JOIN LATERAL \
         (SELECT id FROM chat_message WHERE user_id = wanted.user_id AND client_key = wanted.client_key COLLATE \"C\" \
          LIMIT 1) AS message",
    ];
    type Row = BigInt;
}

/// Retries are rare: the first query looks for their ids alone, and mostly finds none.
pub(crate) fn find_sent(
    connection: &mut PgConnection,
    keys: &[(UserId, MessageKey)],
) -> QueryResult<Vec<WrittenRow>> {
    let columns = [
        Column::Numbers(keys.iter().map(|(user_id, _)| user_id.get()).collect()),
        Column::Texts(keys.iter().map(|(_, key)| key.as_str()).collect()),
    ];
    let found: Vec<i64> = bind::<FindSent>(&columns).load(connection)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    chat_message::table
        .left_join(chat_user::table)
        .filter(chat_message::id.eq_any(found))
        .select((MessageRow::as_select(), Option::<AuthorRow>::as_select()))
        .load(connection)
}

struct InsertMessages;

impl Statement for InsertMessages {
    const TEXT: &'static [&'static str] = &[
        "INSERT INTO chat_message \
         (room_id, user_id, message, message_type, created_at, seq, changed_seq, client_key) \
         SELECT room_id, user_id, message, message_type, created_at, seq, seq, client_key FROM (SELECT unnest(",
        ") AS room_id, unnest(",
        ") AS user_id, unnest(",
        ") AS message, unnest(",
        ") AS message_type, unnest(",
        ") AS created_at, unnest(",
        ") AS seq, unnest(",
        ") AS client_key) AS new \
         RETURNING room_id, seq, id",
    ];
    type Row = (BigInt, BigInt, BigInt);
}

/// The answer to an insert of many rows has no promised order, so the ids are matched by their numbers.
pub(crate) fn insert_messages(
    connection: &mut PgConnection,
    messages: &[NewMessage],
) -> QueryResult<Vec<i64>> {
    let numbers = |of: fn(&NewMessage) -> i64| Column::Numbers(messages.iter().map(of).collect());
    let columns = [
        numbers(|message| message.room_id.get()),
        Column::PerhapsNumbers(messages.iter().map(|message| message.user_id.map(UserId::get)).collect()),
        Column::Texts(messages.iter().map(|message| message.body.as_str()).collect()),
        Column::Texts(messages.iter().map(|message| message.kind.as_str()).collect()),
        numbers(|message| message.created_at.unix_ms()),
        numbers(|message| message.seq.get()),
        Column::PerhapsTexts(
            messages.iter().map(|message| message.key.as_ref().map(MessageKey::as_str)).collect(),
        ),
    ];
    let inserted: Vec<(i64, i64, i64)> = bind::<InsertMessages>(&columns).load(connection)?;
    let ids: HashMap<(i64, i64), i64> =
        inserted.into_iter().map(|(room_id, seq, id)| ((room_id, seq), id)).collect();
    Ok(messages
        .iter()
        .filter_map(|message| ids.get(&(message.room_id.get(), message.seq.get())).copied())
        .collect())
}

struct RaiseReadSeqs;

impl Statement for RaiseReadSeqs {
    const TEXT: &'static [&'static str] = &[
        "UPDATE chat_participant AS participant SET read_seq = new.read_seq FROM (SELECT unnest(",
        ") AS room_id, unnest(",
        ") AS user_id, unnest(",
        ") AS read_seq) AS new \
         WHERE participant.room_id = new.room_id AND participant.user_id = new.user_id \
           AND participant.read_seq < new.read_seq",
    ];
    type Row = ();
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
    let columns = [
        Column::Numbers(room_ids),
        Column::Numbers(user_ids),
        Column::Numbers(furthest.values().map(|seq| seq.get()).collect()),
    ];
    bind::<RaiseReadSeqs>(&columns).execute(connection).map(drop)
}

struct RecordPresence;

impl Statement for RecordPresence {
    const TEXT: &'static [&'static str] = &[
        "UPDATE chat_participant AS participant SET is_online = new.is_online, last_active = new.last_active \
         FROM (SELECT unnest(",
        ") AS room_id, unnest(",
        ") AS user_id, unnest(",
        ") AS is_online, unnest(",
        ") AS last_active) AS new \
         WHERE participant.room_id = new.room_id AND participant.user_id = new.user_id",
    ];
    type Row = ();
}

pub(crate) fn record_presence(connection: &mut PgConnection, records: &[PresenceRecord]) -> QueryResult<()> {
    // The last record of a membership counts, as if they were written one after the other.
    let last: BTreeMap<(RoomId, UserId), &PresenceRecord> =
        records.iter().map(|record| ((record.room_id, record.user_id), record)).collect();
    let (room_ids, user_ids) = pairs(last.keys().copied());
    let columns = [
        Column::Numbers(room_ids),
        Column::Numbers(user_ids),
        Column::Flags(last.values().map(|record| record.is_online).collect()),
        Column::Numbers(last.values().map(|record| record.last_active.unix_ms()).collect()),
    ];
    bind::<RecordPresence>(&columns).execute(connection).map(drop)
}

fn pairs(keys: impl Iterator<Item = (RoomId, UserId)>) -> (Vec<i64>, Vec<i64>) {
    keys.map(|(room_id, user_id)| (room_id.get(), user_id.get())).unzip()
}
