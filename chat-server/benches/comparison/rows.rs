//! Messages as rows, written as fast as SQLite takes them: the server's tables and its durability, none of its rules.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rusqlite::{Connection, Statement, params};

use crate::chat_cli::ROOM_PREFIX;

/// As in the server.
const SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384";
/// When all messages were written.
pub(crate) const CREATED_AT_MS: i64 = 1_795_354_321_000;
const INSERT: &str = "INSERT INTO chat_message (room_id, user_id, message, message_type, created_at, seq, changed_seq, client_key) \
     VALUES (?1, ?2, ?3, 'text', ?4, ?5, ?5, ?6)";
const SET_COUNTER: &str = "UPDATE chat_room SET last_seq = ?2 WHERE id = ?1";

/// A message that is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The number in the room's name.
    pub(crate) room: u32,
    pub(crate) user_id: i64,
    pub(crate) seq: u64,
    pub(crate) body: String,
    pub(crate) key: String,
}

/// The database that `chat-cli seed --tokens` filled.
pub(crate) struct Rows {
    room_ids: BTreeMap<u32, i64>,
    begin: Statement<'static>,
    insert: Statement<'static>,
    set_counter: Statement<'static>,
    commit: Statement<'static>,
}

impl Rows {
    /// Opens it until the process ends. The people have the ids from 1 on.
    pub(crate) fn open(database: &Path) -> io::Result<Self> {
        open(database).map_err(io::Error::other)
    }

    /// Makes messages and their rooms' counters durable, with one commit.
    pub(crate) fn commit(&mut self, rows: &[Row]) -> io::Result<()> {
        self.insert(rows).map_err(io::Error::other)
    }

    fn insert(&mut self, rows: &[Row]) -> rusqlite::Result<()> {
        self.begin.execute([])?;
        let mut counters = BTreeMap::new();
        for Row { room, user_id, seq, body, key } in rows {
            let room_id = self.room_ids[room];
            let seq = i64::try_from(*seq).unwrap_or(i64::MAX);
            self.insert.execute(params![room_id, user_id, body, CREATED_AT_MS, seq, key])?;
            counters.insert(room_id, seq);
        }
        for counter in counters {
            self.set_counter.execute(counter)?;
        }
        self.commit.execute([]).map(drop)
    }
}

fn open(database: &Path) -> rusqlite::Result<Rows> {
    // Its statements stay prepared, which borrows it.
    let connection: &Connection = Box::leak(Box::new(Connection::open(database)?));
    connection.execute_batch(SETTINGS)?;
    let mut rooms = connection.prepare("SELECT id, name FROM chat_room")?;
    let named = rooms.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let numbered = |(id, name): (i64, String)| Some((name.strip_prefix(ROOM_PREFIX)?.parse().ok()?, id));
    let room_ids = named.filter_map(|room| room.map(numbered).transpose()).collect::<Result<_, _>>()?;
    Ok(Rows {
        room_ids,
        begin: connection.prepare("BEGIN IMMEDIATE")?,
        insert: connection.prepare(INSERT)?,
        set_counter: connection.prepare(SET_COUNTER)?,
        commit: connection.prepare("COMMIT")?,
    })
}
