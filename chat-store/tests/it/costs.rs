//! What reading a room costs, in figures that no clock and no luck decides: statements, rows, and steps of SQLite's
//! machine.

use chat_domain::{
    GetHistory, Position, ReadRoom, Repository, RepositoryError, RoomId, Seq, UserId, get_history, read_room,
};
use chat_store::{Store, commit};
use rusqlite::{Connection, StatementStatus, params_from_iter};

use crate::chat::{NOW, join, room, room_with_member, sending, user};
use crate::database::{Database, on_each_backend};
use crate::statements::{Statement, heard, listen};

/// Messages of a page.
const PAGE: u32 = 50;
/// Messages in a room with a short past, and in one with a long one.
const SHORT: i64 = 200;
const LONG: i64 = 5_000;

#[test]
fn a_page_of_history_costs_its_own_rows_and_one_more_however_long_the_room_is() {
    let rooms = Rooms::new();
    let page = |room_id, before| {
        let request = GetHistory { user_id: rooms.user_id, room_id, before: Seq::new(before), limit: PAGE };
        rooms.costs(|repository| assert_eq!(get_history(repository, request).unwrap().messages.len(), 50))
    };
    let costs = page(rooms.short, SHORT);
    assert_eq!(costs.iter().map(|cost| cost.rows).max(), Some(PAGE + 1), "{costs:#?}");
    for before in [SHORT, LONG / 2, LONG] {
        assert_eq!(page(rooms.long, before), costs, "below {before} of {LONG}");
    }
}

#[test]
fn what_was_missed_costs_its_own_rows_however_long_the_room_is() {
    let rooms = Rooms::new();
    let resume = |room_id, top: i64| {
        let position = Some(Position { epoch: None, after: Seq::new(top - i64::from(PAGE)) });
        let request = ReadRoom { user_id: rooms.user_id, room_id, position };
        rooms.costs(|repository| assert_eq!(read_room(repository, &request).unwrap().messages.len(), 50))
    };
    let costs = resume(rooms.short, SHORT);
    assert_eq!(costs.iter().map(|cost| cost.rows).max(), Some(PAGE), "{costs:#?}");
    assert_eq!(resume(rooms.long, LONG), costs);
}

#[test]
fn a_resume_costs_six_queries_and_one_more_where_something_was_missed() {
    listen();
    on_each_backend(|database| {
        let store = database.migrated();
        let (room_id, user_id) = room_with_member(&store);
        commit(&store, NOW, vec![(sending(room_id, user_id, "hi", "k"), ())]);
        let queries = |after| {
            let position = Some(Position { epoch: None, after: Seq::new(after) });
            let request = ReadRoom { user_id, room_id, position };
            let read = || drop(store.read(|repository| read_room(repository, &request)).unwrap());
            let heard = heard(read).into_iter().map(|statement| statement.sql);
            heard.filter(|sql| sql.starts_with("SELECT")).collect::<Vec<_>>()
        };
        assert_eq!(queries(1).len(), 6, "{:#?}", queries(1));
        assert_eq!(queries(0).len(), 7, "{:#?}", queries(0));
    });
}

/// A room with a short past and one with a long one, in one database, with the same one member.
struct Rooms {
    database: Database,
    store: Store,
    user_id: UserId,
    short: RoomId,
    long: RoomId,
}

/// What a statement costs.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    sql: String,
    rows: u32,
    /// Instructions of SQLite's machine: looking something up in an index is one, and each row that is passed is some.
    steps: i32,
}

impl Rooms {
    fn new() -> Self {
        listen();
        let database = Database::sqlite();
        let store = database.migrated();
        let user_id = user(&store, "ann");
        // Behind the last room an index ends, which is a step less than to see another one's row.
        let [short, long, _] = [("short", SHORT), ("long", LONG), ("last", 1)].map(|(name, messages)| {
            let room_id = room(&store, name);
            join(&store, room_id, user_id);
            let send = |n| (sending(room_id, user_id, "hi", &format!("{name} {n}")), ());
            let sent = commit(&store, NOW, (0..messages).map(send).collect());
            assert!(sent.iter().all(|completed| completed.result.is_ok()));
            room_id
        });
        Self { database, store, user_id, short, long }
    }

    /// What each query of some reading costs, run once more past the store.
    fn costs(&self, read: impl FnOnce(&mut dyn Repository)) -> Vec<Cost> {
        let read = |repository: &mut dyn Repository| {
            read(repository);
            Ok::<_, RepositoryError>(())
        };
        let statements = heard(|| self.store.read(read).unwrap());
        let connection = Connection::open(self.database.url.sqlite_path().unwrap()).unwrap();
        let queries = statements.into_iter().filter(|statement| statement.sql.starts_with("SELECT"));
        queries.map(|query| cost(&connection, query)).collect()
    }
}

fn cost(connection: &Connection, Statement { sql, values }: Statement) -> Cost {
    let values = values.trim_matches(['[', ']']).split(", ").filter(|value| !value.is_empty());
    let values: Vec<i64> = values.map(|value| value.parse().unwrap()).collect();
    let mut statement = connection.prepare(&sql).unwrap();
    let mut found = statement.query(params_from_iter(values)).unwrap();
    let mut rows = 0;
    while found.next().unwrap().is_some() {
        rows += 1;
    }
    drop(found);
    let steps = statement.get_status(StatementStatus::VmStep);
    Cost { sql, rows, steps }
}
