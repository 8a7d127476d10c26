//! The database goes away or is locked, and comes back: errors that say so, in time, and no restart.

use std::time::{Duration, Instant};

use chat_domain::{CommandError, RepositoryError};
use chat_store::{Store, StoreOptions, WriterOptions, commit, migrations};
use diesel::connection::SimpleConnection;

use crate::chat::{NOW, bodies, room_with_member, sending, user};
use crate::database::Database;
use crate::writer::{DEADLINE, writer};

/// The client gets its answer within this time, whatever the database does.
const ANSWER: Duration = Duration::from_secs(3);

#[test]
fn a_sqlite_file_that_another_program_locks_is_unavailable_in_time_and_works_again_after() {
    let database = Database::sqlite();
    let store = database.migrated();
    let (room_id, user_id) = room_with_member(&store);
    let (writer, batches) = writer(&store, WriterOptions::default());
    let mut other = database.raw_sqlite();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();

    let since = Instant::now();
    writer.submit(sending(room_id, user_id, "hi", "k"), 1).unwrap();
    let refused = batches.recv_timeout(DEADLINE).unwrap().remove(0);
    assert!(since.elapsed() < ANSWER, "{:?}", since.elapsed());
    assert!(
        matches!(refused.result, Err(CommandError::Repository(RepositoryError::Unavailable(_)))),
        "{refused:?}"
    );
    assert_eq!(bodies(&store, room_id), Vec::<String>::new(), "reading goes on");

    other.batch_execute("COMMIT").unwrap();
    writer.submit(sending(room_id, user_id, "hi", "k"), 2).unwrap();
    batches.recv_timeout(DEADLINE).unwrap().remove(0).result.unwrap();
    writer.stop();
    assert_eq!(bodies(&store, room_id), ["hi"]);
}

#[test]
fn a_sqlite_file_that_is_full_refuses_to_store_and_is_still_read() {
    let database = Database::sqlite();
    let store = database.migrated();
    let (room_id, user_id) = room_with_member(&store);
    // The limit of a file's pages is each connection's own, so a trigger stands in for the full disk.
    database.execute(
        "CREATE TRIGGER full BEFORE INSERT ON chat_message \
         BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END",
    );
    let batch = || vec![(sending(room_id, user_id, "1", "1"), ()), (sending(room_id, user_id, "2", "2"), ())];
    for completed in commit(&store, NOW, batch()) {
        let error = completed.result.unwrap_err();
        assert!(matches!(error, CommandError::Repository(RepositoryError::StorageFull(_))), "{error:?}");
    }
    assert_eq!(bodies(&store, room_id), Vec::<String>::new());
    database.execute("DROP TRIGGER full");
    assert!(commit(&store, NOW, batch()).iter().all(|completed| completed.result.is_ok()));
}

#[test]
fn a_sqlite_file_that_went_away_is_not_made_anew() {
    let database = Database::sqlite();
    let store = database.migrated();
    user(&store, "ann");
    drop(store);
    let path = database.url.sqlite_path().unwrap();
    std::fs::remove_file(path).unwrap();
    assert!(Store::open(&database.url, &StoreOptions::default()).is_err());
    assert!(!path.exists());
}

/// Ends all connections of a database, as a restart of the server does.
fn end_connections(database: &Database) {
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
}

#[test]
fn connections_that_postgres_ended_are_replaced_before_anybody_notices() {
    let Some(database) = Database::postgres() else { return };
    let store = database.migrated();
    let (room_id, user_id) = room_with_member(&store);
    let (writer, batches) = writer(&store, WriterOptions::default());
    for number in 0..3 {
        let text = number.to_string();
        writer.submit(sending(room_id, user_id, &text, &text), number).unwrap();
        batches.recv_timeout(DEADLINE).unwrap().remove(0).result.unwrap();
        end_connections(&database);
        let since = Instant::now();
        store.health().unwrap();
        user(&store, &format!("user{number}"));
        assert!(since.elapsed() < ANSWER, "{:?}", since.elapsed());
    }
    writer.stop();
    assert_eq!(bodies(&store, room_id), ["0", "1", "2"]);
}

#[test]
fn a_connection_that_is_lost_in_a_transaction_is_unavailable_and_replaced() {
    let Some(database) = Database::postgres() else { return };
    let store = database.migrated();
    let ann = user(&store, "ann");
    let lost: Result<(), RepositoryError> = store.write(|repository| {
        repository.set_user_disabled(ann, true)?;
        end_connections(&database);
        repository.set_user_disabled(ann, true)
    });
    assert!(matches!(lost, Err(RepositoryError::Unavailable(_))), "{lost:?}");
    let lost: Result<(), RepositoryError> = store.write(|repository| {
        repository.set_user_disabled(ann, true)?;
        end_connections(&database);
        Ok(())
    });
    assert!(matches!(lost, Err(RepositoryError::Unavailable(_))), "lost at the commit: {lost:?}");
    let lost = store.read(|repository| {
        end_connections(&database);
        repository.find_user(ann)
    });
    assert!(matches!(lost, Err(RepositoryError::Unavailable(_))), "{lost:?}");
    assert!(!store.read(|repository| repository.find_user(ann)).unwrap().unwrap().is_disabled);
    store.write(|repository| repository.set_user_disabled(ann, true)).unwrap();
}

#[test]
fn a_room_that_another_program_holds_is_unavailable_in_time() {
    let Some(database) = Database::postgres() else { return };
    let store = database.migrated();
    let (room_id, user_id) = room_with_member(&store);
    let mut other = database.raw_postgres();
    other.batch_execute("BEGIN; SELECT * FROM chat_room FOR UPDATE").unwrap();
    let since = Instant::now();
    let error =
        commit(&store, NOW, vec![(sending(room_id, user_id, "hi", "k"), ())]).remove(0).result.unwrap_err();
    assert!(since.elapsed() < ANSWER, "{:?}", since.elapsed());
    assert!(matches!(error, CommandError::Repository(RepositoryError::Unavailable(_))), "{error:?}");
    other.batch_execute("ROLLBACK").unwrap();
    assert!(commit(&store, NOW, vec![(sending(room_id, user_id, "hi", "k"), ())])[0].result.is_ok());
}

#[test]
fn a_server_that_is_not_there_is_unavailable_in_time() {
    let url = "postgres://ann@127.0.0.1:1/chat".parse().unwrap();
    let since = Instant::now();
    assert!(Store::open(&url, &StoreOptions::default()).is_err());
    assert!(migrations::up(&url, &StoreOptions::default()).is_err());
    assert!(since.elapsed() < ANSWER, "{:?}", since.elapsed());
}

#[test]
fn postgres_syncs_before_it_answers_a_commit_also_where_its_default_is_not_to() {
    use diesel::prelude::*;
    use diesel::sql_types::Text;
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        query: String,
    }
    let Some(database) = Database::postgres() else { return };
    let mut raw = database.raw_postgres();
    let name = database.url.to_string().rsplit_once('/').unwrap().1.to_owned();
    raw.batch_execute(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).unwrap();
    database.migrated();
    // A role that may change no more than the operator's documents give it: it may not ask for English texts.
    raw.batch_execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO pg_monitor").unwrap();
    raw.batch_execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO pg_monitor").unwrap();
    let as_monitor = format!("{}?options=-crole%3Dpg_monitor", database.url);
    let store = Store::open(&as_monitor.parse().unwrap(), &StoreOptions::default()).unwrap();
    // Asked inside a transaction of the store, through a trigger: the setting of that very connection.
    database.execute(
        "CREATE TABLE asked (query TEXT); \
         GRANT ALL ON asked TO pg_monitor; \
         CREATE FUNCTION ask() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           INSERT INTO asked VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$; \
         CREATE TRIGGER ask BEFORE INSERT ON chat_user FOR EACH ROW EXECUTE FUNCTION ask()",
    );
    user(&store, "ann");
    let asked: Setting = diesel::sql_query("SELECT query FROM asked").get_result(&mut raw).unwrap();
    assert_eq!(asked.query, "on");
}
