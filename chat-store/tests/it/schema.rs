//! The one schema file agrees with what the migrations make of both databases, column by column.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Text};

use crate::database::Database;

/// `table.column` and its type in Diesel's words.
type Columns = BTreeMap<String, String>;

#[test]
fn sqlite_has_the_columns_of_the_schema_file() {
    let database = Database::sqlite();
    database.migrated();
    let live = "SELECT m.name AS in_table, c.name AS name, c.type AS kind, c.\"notnull\" = 0 AS is_nullable \
                FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c \
                WHERE m.type = 'table' AND m.name LIKE 'chat\\_%' ESCAPE '\\'";
    let live = sql_query(live).load(&mut database.raw_sqlite()).unwrap();
    assert_eq!(columns(live), declared());
}

#[test]
fn postgres_has_the_columns_of_the_schema_file() {
    let Some(database) = Database::postgres() else { return };
    database.migrated();
    let live = "SELECT table_name::text AS in_table, column_name::text AS name, data_type::text AS kind, \
                is_nullable = 'YES' AS is_nullable FROM information_schema.columns \
                WHERE table_schema = 'public' AND table_name LIKE 'chat\\_%'";
    let live = sql_query(live).load(&mut database.raw_postgres()).unwrap();
    assert_eq!(columns(live), declared());
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    in_table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    is_nullable: bool,
}

fn columns(live: Vec<Column>) -> Columns {
    live.into_iter()
        .map(|column| {
            let kind = match column.kind.to_lowercase().as_str() {
                "integer" | "bigint" => "BigInt",
                "text" => "Text",
                "boolean" => "Bool",
                "blob" | "bytea" => "Binary",
                other => panic!("{}.{} is {other}", column.in_table, column.name),
            };
            let kind = if column.is_nullable { format!("Nullable<{kind}>") } else { kind.to_owned() };
            (format!("{}.{}", column.in_table, column.name), kind)
        })
        .collect()
}

/// What `src/schema.rs` says, read as text: the macro leaves no list to ask.
fn declared() -> Columns {
    let mut table = "";
    let mut columns = Columns::new();
    for line in include_str!("../../src/schema.rs").lines().map(str::trim) {
        if let Some((name, kind)) = line.trim_end_matches(',').split_once(" -> ") {
            if !name.contains("joinable") {
                columns.insert(format!("{table}.{name}"), kind.to_owned());
            }
        } else if let Some((name, _)) = line.split_once(" (")
            && line.ends_with('{')
        {
            table = name;
        }
    }
    assert!(columns.len() > 40, "{columns:?}");
    columns
}
