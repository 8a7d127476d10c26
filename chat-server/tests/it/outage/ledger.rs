//! What was acknowledged, kept outside of the server, and compared with the tables past the server.

use std::collections::{BTreeMap, HashMap};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{PgConnection, SqliteConnection, sql_query};
use serde_json::Value;

/// What clients were told of messages, by key: in acks, and as messages of others.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    told: HashMap<String, Told>,
    acks: usize,
    /// What was told and not yet compared by [`Ledger::check_new`].
    unchecked: Vec<String>,
    /// What [`Ledger::check_new`] has read so far.
    tables: Tables,
}

/// Where a message is stored, as an ack says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) room: String,
    pub(crate) seq: i64,
    id: i64,
    created_at: i64,
}

impl Ledger {
    /// Notes an ack. A second one of the same key must be the same.
    pub(crate) fn note(&mut self, key: &str, ack: &Value) {
        assert_eq!(ack["type"], "ack", "{key}: {ack}");
        self.acks += 1;
        self.tell(key, Told::of(&ack["room"], &ack["seq"], &ack["message_id"], &ack["created_at"]));
    }

    /// Notes a message that somebody hears: it was promised as well.
    pub(crate) fn hear(&mut self, event: &Value) {
        let message = &event["message"];
        if let Some(key) = message["key"].as_str() {
            assert_eq!(message["body"], key, "{event}");
            self.tell(key, Told::of(&event["room"], &message["seq"], &message["id"], &message["created_at"]));
        }
    }

    fn tell(&mut self, key: &str, told: Told) {
        match self.told.get(key) {
            Some(first) => assert_eq!(*first, told, "{key}: it is told twice, and not the same"),
            None => {
                self.told.insert(key.to_owned(), told);
                self.unchecked.push(key.to_owned());
            }
        }
    }

    /// How many messages clients were told of.
    pub(crate) fn len(&self) -> usize {
        self.told.len()
    }

    /// How many acks were noted, retries too.
    pub(crate) fn acks(&self) -> usize {
        self.acks
    }

    /// What was told, by key.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&str, &Told)> {
        self.told.iter().map(|(key, told)| (key.as_str(), told))
    }

    /// Every acknowledged message is stored once, under the number and the id that were told; no key is there twice;
    /// each room's numbers are 1, 2, 3 … up to its counter.
    pub(crate) fn check(&self, url: &str) {
        let mut tables = Tables::default();
        tables.read_on(url);
        for (key, told) in &self.told {
            tables.confirm(key, told);
        }
    }

    /// The same, of what is new since the last time.
    pub(crate) fn check_new(&mut self, url: &str) {
        self.tables.read_on(url);
        for key in self.unchecked.drain(..) {
            self.tables.confirm(&key, &self.told[&key]);
        }
    }

    /// Whether [`Ledger::check_new`] has found a message.
    pub(crate) fn is_stored(&self, key: &str) -> bool {
        self.tables.stored.contains_key(key)
    }
}

impl Told {
    fn of(room: &Value, seq: &Value, id: &Value, created_at: &Value) -> Self {
        Self {
            room: room.as_str().unwrap().to_owned(),
            seq: seq.as_i64().unwrap(),
            id: id.as_str().unwrap().parse().unwrap(),
            created_at: created_at.as_i64().unwrap(),
        }
    }
}

/// What stands in the tables.
#[derive(Debug, Default)]
struct Tables {
    /// The number up to which each room was read.
    rooms: BTreeMap<String, i64>,
    stored: HashMap<String, Told>,
}

#[derive(Debug, QueryableByName)]
struct Room {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
}

#[derive(Debug, QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
    #[diesel(sql_type = Nullable<Text>)]
    client_key: Option<String>,
}

impl Tables {
    /// Reads what stands above the numbers that were read already.
    fn read_on(&mut self, url: &str) {
        let mut connection = Snapshot::of(url);
        for Room { name, last_seq } in connection.rooms() {
            let last = self.rooms.entry(name.clone()).or_default();
            for row in connection.rows(&name, *last) {
                *last += 1;
                assert_eq!(row.seq, *last, "no hole and no double in {name}");
                let Some(key) = row.client_key else { continue };
                let told = Told { room: name.clone(), seq: row.seq, id: row.id, created_at: row.created_at };
                let doubled = self.stored.insert(key.clone(), told);
                assert_eq!(doubled, None, "{key} is stored twice");
            }
            assert_eq!(*last, last_seq, "the counter of {name}");
        }
    }

    fn confirm(&self, key: &str, told: &Told) {
        let stored =
            self.stored.get(key).unwrap_or_else(|| panic!("{key} was acknowledged and is not stored"));
        assert_eq!(stored, told, "{key} is stored as it was told");
    }
}

/// A connection past the server that sees one moment.
enum Snapshot {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Snapshot {
    #[expect(clippy::disallowed_methods, reason = "a connection of a fixed backend, past the store")]
    fn of(url: &str) -> Self {
        match url.strip_prefix("sqlite:") {
            Some(path) => {
                let mut sqlite = SqliteConnection::establish(path).unwrap();
                sqlite.batch_execute("BEGIN").unwrap();
                Self::Sqlite(sqlite)
            }
            None => {
                let mut postgres = PgConnection::establish(url).unwrap();
                postgres.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").unwrap();
                Self::Postgres(postgres)
            }
        }
    }

    fn rooms(&mut self) -> Vec<Room> {
        let query = sql_query("SELECT name, last_seq FROM chat_room ORDER BY id");
        match self {
            Self::Sqlite(sqlite) => query.load(sqlite),
            Self::Postgres(postgres) => query.load(postgres),
        }
        .unwrap()
    }

    fn rows(&mut self, room: &str, above: i64) -> Vec<Row> {
        let query = sql_query(format!(
            "SELECT seq, id, created_at, client_key FROM chat_message \
             WHERE room_id = (SELECT id FROM chat_room WHERE name = '{room}') AND seq > {above} ORDER BY seq"
        ));
        match self {
            Self::Sqlite(sqlite) => query.load(sqlite),
            Self::Postgres(postgres) => query.load(postgres),
        }
        .unwrap()
    }
}
