//! Every query that runs often goes along an index on SQLite: nothing scans messages or sorts a room.

use chat_domain::limits::{PAGE_MESSAGES_MAX, RESUME_CHANGES_MAX, SESSIONS_PER_USER_MAX};
use chat_domain::{
    ControlSeq, MessageKey, ReadRoom, RepositoryError, Seq, SessionId, TokenHash, Username, get_rooms,
    read_room,
};
use chat_store::commit;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use crate::chat::{NOW, room_with_member, sending};
use crate::database::Database;
use crate::statements::{heard, listen};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[test]
fn frequent_queries_use_indexes() {
    listen();
    let database = Database::sqlite();
    let store = database.migrated();
    let (room_id, user_id) = room_with_member(&store);
    let statements = heard(|| {
        commit(&store, NOW, vec![(sending(room_id, user_id, "hi", "k"), ())]);
        store
            .read(|repository| {
                repository.list_messages(room_id, Some(Seq::new(9)), PAGE_MESSAGES_MAX)?;
                repository.list_changes(room_id, Seq::ZERO, RESUME_CHANGES_MAX)?;
                repository.count_unread(room_id, user_id, Seq::ZERO, 100)?;
                repository.find_sent(&[(user_id, MessageKey::new("k").unwrap())])?;
                repository.find_session(&TokenHash::new([0; 32]))?;
                repository.find_session_of(user_id, SessionId::new(1))?;
                repository.list_sessions(user_id, SESSIONS_PER_USER_MAX)?;
                repository.find_user_by_name(&Username::new("ann").unwrap())?;
                repository.list_control(ControlSeq::ZERO, 10)?;
                get_rooms(repository, user_id)?;
                read_room(repository, &ReadRoom { user_id, room_id, position: None }).unwrap();
                Ok::<_, RepositoryError>(())
            })
            .unwrap();
        store
            .write(|repository| {
                repository.lock_user(user_id)?;
                repository.touch_sessions(&[SessionId::new(1), SessionId::new(2)], NOW)?;
                repository.remove_ended_sessions(NOW, NOW, 10)
            })
            .unwrap();
    });
    let is_planned = |sql: &str| sql.starts_with("SELECT") || sql.starts_with("UPDATE");
    let planned: Vec<&str> =
        statements.iter().map(|statement| &*statement.sql).filter(|sql| is_planned(sql)).collect();
    assert!(planned.len() >= 21, "{statements:#?}");
    for sql in planned {
        check(&database, sql);
    }
}

/// The list of rooms, in the order of the table; and the table of SQLite's own that has one row per table with numbers.
const READ_WHOLE: [&str; 2] = ["SCAN chat_room", "SCAN sqlite_sequence"];

fn check(database: &Database, sql: &str) {
    let steps: Vec<Step> =
        sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(&mut database.raw_sqlite()).unwrap();
    for Step { detail } in steps {
        let scans = detail.starts_with("SCAN") && !READ_WHOLE.contains(&detail.as_str());
        assert!(!scans && !detail.contains("TEMP B-TREE"), "{sql}\n{detail}");
    }
}
