//! A SQLite file, past the program.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

/// The tables whose rows a backup carries, and what is not the same after a restore.
const TABLES: [(&str, &str); 7] = [
    ("chat_user", ""),
    ("chat_room", ""),
    ("chat_session", ""),
    ("chat_message", ""),
    ("chat_participant", "is_online"),
    ("chat_control", ""),
    ("chat_meta", "epoch"),
];

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Runs statements on a SQLite file. Rules that keep the data whole are off.
#[expect(clippy::disallowed_methods, reason = "the backend is known here")]
fn open(file: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA foreign_keys = OFF").unwrap();
    connection
}

/// Runs statements on a SQLite file, whose references are not checked.
pub(super) fn execute(file: &Path, statements: &str) {
    open(file).batch_execute(statements).unwrap();
}

/// All rows of a backup, one a line, but for what a restore changes.
pub(super) fn rows(file: &Path) -> Vec<String> {
    let mut connection = open(file);
    let mut rows = Vec::new();
    for (table, changed) in TABLES {
        let columns = lines(
            &mut connection,
            &format!("SELECT name AS line FROM pragma_table_info('{table}') WHERE name <> '{changed}'"),
        );
        let quoted: Vec<String> =
            columns.iter().map(|column| format!("'{column}=' || quote({column})")).collect();
        let sql = format!("SELECT {} AS line FROM {table} ORDER BY 1", quoted.join(" || ' ' || "));
        rows.extend(lines(&mut connection, &sql).into_iter().map(|line| format!("{table} {line}")));
    }
    rows
}

fn lines(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let lines: Vec<Line> = sql_query(sql).load(connection).unwrap();
    lines.into_iter().map(|line| line.line).collect()
}
