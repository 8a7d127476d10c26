//! A room full of messages, made by SQLite itself, without any of the server's rules: millions within a minute or two.

use rusqlite::{Connection, params};

/// Messages that one transaction stores.
const BATCH: u32 = 100_000;
/// Bytes in the text of each of them.
const BODY_BYTES: u32 = 120;
/// When the first one was written, in Unix milliseconds. The others follow a second apart.
const BEGINNING_MS: i64 = 1_700_000_000_000;
/// Fast and not durable: the file is thrown away if the machine goes down meanwhile.
const SETTINGS: &str = "PRAGMA synchronous = OFF; PRAGMA cache_size = -65536";
/// Keys in the order of the numbers, so that their index grows at its end, as it does where clients count time in them.
const INSERT: &str = "\
WITH RECURSIVE number (n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM number WHERE n < ?3)
INSERT INTO chat_message (room_id, user_id, message, message_type, created_at, seq, changed_seq, client_key)
SELECT ?1, n % ?4 + 1, printf('%.*c', ?5, 'x'), 'text', ?6 + n * 1000, n, n, printf('%024d', n) FROM number";

/// Stores so many messages in a room, by the people with the ids from 1 on, in turn. The room must be empty.
pub(crate) fn fill(
    database: &mut Connection,
    room: &str,
    messages: u32,
    people: u32,
) -> rusqlite::Result<()> {
    database.execute_batch(SETTINGS)?;
    let room_id: i64 =
        database.query_row("SELECT id FROM chat_room WHERE name = ?1", [room], |row| row.get(0))?;
    let mut stored = 0;
    while stored < messages {
        let last = messages.min(stored.saturating_add(BATCH));
        let transaction = database.transaction()?;
        transaction.execute(INSERT, params![room_id, stored + 1, last, people, BODY_BYTES, BEGINNING_MS])?;
        transaction.execute("UPDATE chat_room SET last_seq = ?2 WHERE id = ?1", params![room_id, last])?;
        transaction.commit()?;
        stored = last;
    }
    // Whoever reads the file next finds nothing to catch up with.
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
