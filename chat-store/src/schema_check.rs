//! Whether this program can work on the schema that it finds.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Bool;

use crate::any_connection::AnyConnection;
use crate::database_url::Backend;
use crate::error::OpenError;
use crate::migrations::known;
use crate::schema::chat_schema_requirement;

/// The version of this program, which migrations are compared with.
pub(crate) const PROGRAM: &str = env!("CARGO_PKG_VERSION");

diesel::table! {
    /// Diesel's own list of what was applied.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// Refuses a schema that lacks a migration of this program, or has one that asks for a newer program. A migration
/// that this program doesn't know, but which can bear it, is no obstacle.
pub(crate) fn check_schema(connection: &mut AnyConnection) -> Result<(), OpenError> {
    check_not_from_the_future(connection)?;
    let applied = applied_versions(connection)?;
    let names: Vec<String> = known(backend_of(connection))?
        .into_iter()
        .filter(|migration| !applied.contains(&migration.name().version().to_string()))
        .map(|migration| migration.name().to_string())
        .collect();
    if names.is_empty() { Ok(()) } else { Err(OpenError::PendingMigrations { names }) }
}

/// Refuses a schema that asks for a newer program.
pub(crate) fn check_not_from_the_future(connection: &mut AnyConnection) -> Result<(), OpenError> {
    if !has_table(connection, "chat_schema_requirement")? {
        return Ok(());
    }
    let requirements: Vec<(String, String)> = chat_schema_requirement::table.load(connection)?;
    let refused = requirements.into_iter().find(|(_, oldest)| !bears(oldest, PROGRAM));
    refused.map_or(Ok(()), |(migration, oldest_program)| {
        Err(OpenError::SchemaFromTheFuture { migration, oldest_program, program: PROGRAM.to_owned() })
    })
}

/// The versions of the migrations that were applied, without writing anything.
pub(crate) fn applied_versions(connection: &mut AnyConnection) -> Result<Vec<String>, OpenError> {
    if !has_table(connection, "__diesel_schema_migrations")? {
        return Ok(Vec::new());
    }
    Ok(__diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(connection)?)
}

pub(crate) const fn backend_of(connection: &AnyConnection) -> Backend {
    match connection {
        AnyConnection::Sqlite(_) => Backend::Sqlite,
        AnyConnection::Postgres(_) => Backend::Postgres,
    }
}

pub(crate) fn has_table(connection: &mut AnyConnection, name: &'static str) -> QueryResult<bool> {
    let found: Found = match connection {
        AnyConnection::Sqlite(sqlite) => sql_query(format!(
            "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{name}') AS found"
        ))
        .get_result(sqlite)?,
        AnyConnection::Postgres(postgres) => {
            sql_query(format!("SELECT to_regclass('{name}') IS NOT NULL AS found")).get_result(postgres)?
        }
    };
    Ok(found.found)
}

/// Whether a schema that asks for `oldest` or newer bears `program`. What can't be read asks for too much.
fn bears(oldest: &str, program: &str) -> bool {
    match (parts(oldest), parts(program)) {
        (Some(oldest), Some(program)) => oldest <= program,
        _ => false,
    }
}

/// `1.2.3` as numbers. A pre-release counts as its release.
fn parts(version: &str) -> Option<[u64; 3]> {
    let release = version.split(['-', '+']).next()?;
    let mut numbers = release.split('.').map(|part| part.parse().ok());
    let parts = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (oldest, program) in [("0.1.0", "0.1.0"), ("0.9.9", "0.10.0"), ("0.1.0", "1.0.0-rc.1")] {
            assert!(bears(oldest, program), "{oldest} {program}");
        }
        for (oldest, program) in
            [("0.1.1", "0.1.0"), ("0.10.0", "0.9.9"), ("soon", "0.1.0"), ("1.0", "2.0.0")]
        {
            assert!(!bears(oldest, program), "{oldest} {program}");
        }
    }
}
