//! Whether a schema is one that this program knows, and whether a file has all that the schema promises.

use std::collections::BTreeSet;

use diesel::migration::MigrationConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use diesel_migrations::MigrationHarness;

use crate::any_connection::{AnyConnection, on_backend};
use crate::backup::error::BackupError;
use crate::error::{OpenError, connection_error};
use crate::migrations::{known, version};
use crate::opener::open_sqlite;
use crate::schema_check::{applied_versions, backend_of, check_not_from_the_future, check_schema};

/// Columns, indexes and references of the chat's tables, one a line.
const STRUCTURE: &str = "\
    SELECT m.name || '.' || c.name || ' ' || c.type || iif(c.\"notnull\", ' NOT NULL', '') \
           || iif(c.pk, ' PRIMARY KEY', '') AS line \
    FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c \
    WHERE m.type = 'table' AND m.name LIKE 'chat\\_%' ESCAPE '\\' \
    UNION ALL \
    SELECT iif(l.\"unique\", 'UNIQUE ', 'INDEX ') || m.name || ' (' \
           || (SELECT group_concat(i.name, ', ') FROM pragma_index_info(l.name) AS i) || ')' \
    FROM sqlite_master AS m JOIN pragma_index_list(m.name) AS l \
    WHERE m.type = 'table' AND m.name LIKE 'chat\\_%' ESCAPE '\\' \
    UNION ALL \
    SELECT m.name || '.' || f.\"from\" || ' REFERENCES ' || f.\"table\" || ' (' || f.\"to\" || ')' \
    FROM sqlite_master AS m JOIN pragma_foreign_key_list(m.name) AS f \
    WHERE m.type = 'table' AND m.name LIKE 'chat\\_%' ESCAPE '\\'";

/// Whether a backup has all the migrations of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// It has all.
    Current,
    /// Some must be applied to it.
    Older,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Refuses a database that has not exactly the schema of this program: a copy would lose what it doesn't know.
pub(super) fn check_exact(connection: &mut AnyConnection) -> Result<(), BackupError> {
    check_schema(connection)?;
    check_known(connection, "the database")
}

/// Refuses a schema that is newer than this program, also if this program can bear it.
pub(super) fn check_known(connection: &mut AnyConnection, what: &str) -> Result<(), BackupError> {
    check_not_from_the_future(connection)?;
    let known: BTreeSet<String> = known(backend_of(connection))?.iter().map(version).collect();
    match applied_versions(connection)?.into_iter().find(|applied| !known.contains(applied)) {
        Some(migration) => Err(BackupError::Newer { what: what.to_owned(), migration }),
        None => Ok(()),
    }
}

/// How old the schema of a backup is.
pub(super) fn age(connection: &mut AnyConnection) -> Result<Age, BackupError> {
    match check_schema(connection) {
        Ok(()) => Ok(Age::Current),
        Err(OpenError::PendingMigrations { .. }) => Ok(Age::Older),
        Err(error) => Err(error.into()),
    }
}

/// What a file lacks of the schema that its own migrations make.
pub(super) fn missing(connection: &mut AnyConnection) -> Result<Vec<String>, BackupError> {
    let applied = applied_versions(connection)?;
    let model = open_sqlite(":memory:").map_err(|error| connection_error(&error))?;
    let mut model = AnyConnection::Sqlite(model);
    model.setup()?;
    for migration in known(backend_of(connection))? {
        if applied.contains(&version(&migration)) {
            let ran = model.run_migration(&*migration).map(drop);
            ran.map_err(|error| OpenError::Unsuitable(format!("no model of the schema: {error}")))?;
        }
    }
    let found = structure(connection)?;
    Ok(structure(&mut model)?.difference(&found).map(|line| format!("the schema lacks {line}")).collect())
}

fn structure(connection: &mut AnyConnection) -> Result<BTreeSet<String>, BackupError> {
    let lines: Vec<Line> = on_backend!(connection, |c| sql_query(STRUCTURE).load(c))?;
    Ok(lines.into_iter().map(|line| line.line).collect())
}
