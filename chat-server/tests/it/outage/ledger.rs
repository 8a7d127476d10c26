//! What was acknowledged, kept outside of the server, and compared with the tables past the server.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{PgConnection, SqliteConnection, sql_query};
use serde_json::Value;

/// The acks that clients got, by key.
#[derive(Debug, Default)]
pub(crate) struct Ledger(HashMap<String, Value>);

#[derive(Debug, QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    room: String,
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    client_key: Option<String>,
}

const ROWS: &str = "SELECT room.name AS room, room.last_seq, message.seq, message.id, message.client_key \
    FROM chat_message AS message JOIN chat_room AS room ON room.id = message.room_id \
    ORDER BY message.room_id, message.seq";

impl Ledger {
    /// Notes an ack. A second one of the same key must be the same.
    pub(crate) fn note(&mut self, key: &str, ack: &Value) {
        assert_eq!(ack["type"], "ack", "{key}: {ack}");
        let mut ack = ack.clone();
        ack.as_object_mut().unwrap().remove("re");
        let first = self.0.entry(key.to_owned()).or_insert_with(|| ack.clone());
        assert_eq!(*first, ack, "{key}: the retry gets the first ack");
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Every acknowledged message is stored once, under the number and the id that were told; no key is there twice;
    /// each room's numbers are 1, 2, 3 … up to its counter.
    pub(crate) fn check(&self, url: &str) {
        let rows = rows(url);
        let mut stored: HashMap<&str, &Row> = HashMap::new();
        let mut rooms: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for row in &rows {
            let (last, _) = rooms.entry(&row.room).or_insert((0, row.last_seq));
            *last += 1;
            assert_eq!(row.seq, *last, "no hole and no double in {}", row.room);
            if let Some(key) = &row.client_key {
                assert!(stored.insert(key, row).is_none(), "{key} is stored twice");
            }
        }
        assert!(rooms.values().all(|(last, counter)| last == counter), "{rooms:?}");
        for (key, ack) in &self.0 {
            let row = stored
                .get(key.as_str())
                .unwrap_or_else(|| panic!("{key} was acknowledged and is not stored"));
            let told = (
                ack["room"].as_str().unwrap(),
                ack["seq"].as_i64().unwrap(),
                ack["message_id"].as_str().unwrap(),
            );
            assert_eq!((row.room.as_str(), row.seq, row.id.to_string().as_str()), told, "{key}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a connection of a fixed backend, past the store")]
fn rows(url: &str) -> Vec<Row> {
    match url.strip_prefix("sqlite:") {
        Some(path) => sql_query(ROWS).load(&mut SqliteConnection::establish(path).unwrap()).unwrap(),
        None => sql_query(ROWS).load(&mut PgConnection::establish(url).unwrap()).unwrap(),
    }
}
