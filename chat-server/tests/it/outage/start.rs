//! Many servers start at the same moment on an empty database; and one on a database of the future.

use std::sync::Barrier;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use diesel::{PgConnection, SqliteConnection};
use serde_json::{Value, json};

use crate::process::{Process, chat_server};
use crate::support::crowd::{self, SECRET};
use crate::support::{Client, Database, http, on_each_backend, run};

/// Servers that start at once.
const SERVERS: usize = 4;
/// How often they do, each time on an empty database.
const ROUNDS: usize = 30;

#[test]
fn four_servers_that_start_at_once_on_an_empty_postgres_all_serve() {
    for round in 0..ROUNDS {
        let Some(database) = Database::postgres() else { return };
        let servers: Vec<Process> = race(&database)
            .into_iter()
            .map(|started| started.unwrap_or_else(|(code, log)| panic!("round {round}: {code:?} {log}")))
            .collect();
        check(&database, &servers);
    }
}

#[test]
fn of_four_servers_that_start_at_once_on_an_empty_sqlite_file_one_serves_and_three_name_it() {
    for round in 0..ROUNDS {
        let database = Database::sqlite();
        let (servers, refused): (Vec<_>, Vec<_>) = race(&database).into_iter().partition(Result::is_ok);
        let servers: Vec<Process> = servers.into_iter().filter_map(Result::ok).collect();
        let [server] = &servers[..] else { panic!("round {round}: {} serve", servers.len()) };
        let named = format!("in use by another chat-server (process {})", server.id());
        for (code, log) in refused.into_iter().filter_map(Result::err) {
            assert_eq!(code, Some(1), "round {round}: {log}");
            assert!(log.contains(&named), "round {round}: {named} is not in {log}");
        }
        check(&database, &servers);
    }
}

fn command(database: &Database) -> std::process::Command {
    let mut command = chat_server();
    command.current_dir(database.folder.path()).env("CHAT_LOG", "info");
    command.env("DATABASE_URL", &database.url).env("SECRET_KEY", SECRET);
    command
}

/// Starts some servers at the same moment.
fn race(database: &Database) -> Vec<Result<Process, (Option<i32>, String)>> {
    let line = Barrier::new(SERVERS);
    let start = || {
        let mut command = command(database);
        line.wait();
        Process::try_start(&mut command)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..SERVERS).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The schema and the default rooms are there once, and all servers show the same.
fn check(database: &Database, servers: &[Process]) {
    let migrations = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite")).unwrap();
    let mut wanted: Vec<String> =
        migrations.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    wanted.sort();
    let applied = texts(database, "SELECT migration AS text FROM chat_schema_requirement ORDER BY migration");
    assert_eq!(applied, wanted, "each migration once");
    let versions = texts(database, "SELECT version AS text FROM __diesel_schema_migrations ORDER BY version");
    assert_eq!(versions.len(), wanted.len(), "{versions:?}");
    let mut rooms = texts(database, "SELECT name AS text FROM chat_room ORDER BY id");
    rooms.sort();
    let mut default_rooms = chat_domain::DEFAULT_ROOMS.map(|(name, _)| name);
    default_rooms.sort_unstable();
    assert_eq!(rooms, default_rooms, "each default room once");
    let ann = crowd::people(&crowd::open(&database.url), ["ann".to_owned()]).remove(0);
    run(async {
        let mut seen: Vec<(Value, Value)> = Vec::new();
        for server in servers {
            assert_eq!(http::get(server.address, "/readyz", &[]).await.status, 200);
            let bearer = format!("Bearer {}", ann.token);
            let mut client = Client::open(server.address, &[("authorization", &bearer)]).await.unwrap();
            let epoch = client.expect("status").await["epoch"].clone();
            let list = client.ask(json!({"type": "get_rooms"})).await;
            seen.push((epoch, list["rooms"].clone()));
        }
        assert_eq!(seen[0].1.as_array().unwrap().len(), default_rooms.len());
        assert!(seen.iter().all(|one| *one == seen[0]), "all show the same: {seen:?}");
    });
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    text: String,
}

#[expect(clippy::disallowed_methods, reason = "a connection of a fixed backend, past the store")]
fn texts(database: &Database, query: &str) -> Vec<String> {
    let rows: Vec<Row> = match database.url.strip_prefix("sqlite:") {
        Some(path) => sql_query(query).load(&mut SqliteConnection::establish(path).unwrap()).unwrap(),
        None => sql_query(query).load(&mut PgConnection::establish(&database.url).unwrap()).unwrap(),
    };
    rows.into_iter().map(|row| row.text).collect()
}

#[test]
fn a_server_refuses_a_schema_of_the_future_by_name_and_leaves_it_as_it_is() {
    on_each_backend(|database| {
        drop(crowd::open(&database.url));
        database.execute(
            "INSERT INTO chat_schema_requirement (migration, oldest_program) \
             VALUES ('00000000009999_of_the_future', '99.0.0'); \
             INSERT INTO __diesel_schema_migrations (version) VALUES ('00000000009999')",
        );
        let before = texts(&database, "SELECT name AS text FROM chat_room");
        let Err((code, log)) = Process::try_start(&mut command(&database)) else { panic!("it serves") };
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("00000000009999_of_the_future") && log.contains("99.0.0"), "{log}");
        assert_eq!(texts(&database, "SELECT name AS text FROM chat_room"), before, "nothing was added");
        database.execute("DELETE FROM chat_schema_requirement WHERE oldest_program = '99.0.0'");
        database.execute("DELETE FROM __diesel_schema_migrations WHERE version = '00000000009999'");
        drop(Process::start(&mut command(&database)));
    });
}
