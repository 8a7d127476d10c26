//! Whether a database can keep what the chat promises.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::{PgConnection, SqliteConnection, sql_query};

use crate::any_connection::AnyConnection;
use crate::error::OpenError;

/// Refuses a database that can't keep what the chat promises; answers what an operator should know.
pub(crate) fn check_suitable(connection: &mut AnyConnection) -> Result<Vec<String>, OpenError> {
    match connection {
        AnyConnection::Sqlite(sqlite) => switch_to_wal(sqlite).map(|()| Vec::new()),
        AnyConnection::Postgres(postgres) => check_postgres(postgres),
    }
}

/// The mode is a property of the file. Done once before other connections open, because two that switch at the same
/// time lock each other out.
fn switch_to_wal(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let mode: JournalMode = sql_query("PRAGMA journal_mode = WAL").get_result(connection)?;
    if mode.journal_mode == "wal" {
        return Ok(());
    }
    Err(OpenError::Unsuitable(format!(
        "the file can't use a write-ahead log (its journal mode is {}); is it on a network file system?",
        mode.journal_mode
    )))
}

fn check_postgres(connection: &mut PgConnection) -> Result<Vec<String>, OpenError> {
    let server: ServerSettings = sql_query(
        "SELECT current_setting('server_encoding') AS encoding, current_setting('fsync') = 'on' AS syncs, \
         current_setting('lc_messages') AS language, current_user AS role",
    )
    .get_result(connection)?;
    if server.encoding != "UTF8" {
        return Err(OpenError::Unsuitable(format!("its encoding is {}; it must be UTF8", server.encoding)));
    }
    let mut warnings = Vec::new();
    if !server.syncs {
        let warning = "PostgreSQL runs with fsync off: acknowledged messages do not survive a power loss";
        warnings.push(warning.to_owned());
    }
    if !is_english(&server.language) {
        warnings.push(format!(
            "PostgreSQL's errors come in another language (lc_messages is {}), and some of them, such as a full disk, are \
             known by their English text only: let a superuser run ALTER ROLE \"{}\" SET lc_messages = 'C'",
            server.language, server.role
        ));
    }
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(warnings)
}

/// Whether a locale's texts are PostgreSQL's own.
fn is_english(locale: &str) -> bool {
    locale.is_empty() || locale == "C" || ["C.", "POSIX", "en"].iter().any(|start| locale.starts_with(start))
}

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

#[derive(QueryableByName)]
struct ServerSettings {
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Bool)]
    syncs: bool,
    #[diesel(sql_type = Text)]
    language: String,
    #[diesel(sql_type = Text)]
    role: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_languages_are_warned_of() {
        for english in ["", "C", "C.UTF-8", "POSIX", "en_GB.UTF-8", "en_US.utf8"] {
            assert!(is_english(english), "{english}");
        }
        for other in ["de_DE.UTF-8", "fr_FR", "Czech"] {
            assert!(!is_english(other), "{other}");
        }
    }
}
