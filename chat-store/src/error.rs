//! Errors: why a store can't be opened, and what a failure of the database means to the domain.

use chat_domain::RepositoryError;
use diesel::result::{ConnectionError, DatabaseErrorKind as Kind, Error};
use thiserror::Error as ThisError;

/// Why a store can't be opened, or its schema not be migrated.
#[derive(Debug, ThisError)]
pub enum OpenError {
    /// The schema was made by a newer program, and this one would do harm to it.
    #[error(
        "the schema needs a newer program: the migration {migration} can be used from version \
         {oldest_program} on, and this program is version {program}"
    )]
    SchemaFromTheFuture {
        /// The migration that asks for more.
        migration: String,
        /// The oldest version that it can be used with.
        oldest_program: String,
        /// The version of this program.
        program: String,
    },
    /// The schema is older than this program.
    #[error("the schema is not up to date: {} must be applied first", names.join(", "))]
    PendingMigrations {
        /// The migrations that are missing, oldest first.
        names: Vec<String>,
    },
    /// A migration that is applied is unknown to this program, so that it can't be taken back.
    #[error("the migration {name} is unknown to this program, which can't take it back")]
    UnknownMigration {
        /// Its name.
        name: String,
    },
    /// A migration failed; it left nothing behind.
    #[error("the migration {name} failed: {reason}")]
    Migration {
        /// Its name.
        name: String,
        /// What the database said.
        reason: String,
    },
    /// The lock that keeps migrations apart could not be taken.
    #[error("the migration lock can't be taken: {0}")]
    MigrationLock(String),
    /// A server, or a restore, holds the database.
    #[error("the database is in use by {holder}")]
    InUse {
        /// What the other program wrote of itself.
        holder: String,
    },
    /// The database is set up in a way that the chat can't work with.
    #[error("the database can't be used: {0}")]
    Unsuitable(String),
    /// The database failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self::Repository(repository_error(&error))
    }
}

/// What a failed query means to the domain.
pub(crate) fn repository_error(error: &Error) -> RepositoryError {
    match error {
        Error::DatabaseError(kind, information) => by_kind(*kind, one_line(information.message())),
        Error::RollbackErrorOnCommit { commit_error, .. } => repository_error(commit_error),
        Error::BrokenTransactionManager => RepositoryError::Unavailable(error.to_string()),
        Error::DeserializationError(_) => RepositoryError::Corrupt(error.to_string()),
        other => RepositoryError::Internal(other.to_string()),
    }
}

/// What it means that a connection could not be opened.
pub(crate) fn connection_error(error: &ConnectionError) -> RepositoryError {
    RepositoryError::Unavailable(one_line(&error.to_string()))
}

/// libpq explains itself in several lines; a log has one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a failed commit means: whatever is not known to be undone may be stored.
pub(crate) fn commit_error(error: &Error) -> RepositoryError {
    match repository_error(error) {
        RepositoryError::Internal(text) | RepositoryError::Corrupt(text) => {
            RepositoryError::Unavailable(format!("the commit failed: {text}"))
        }
        known => known,
    }
}

/// The same error once more: several commands may fail by one cause.
pub(crate) fn again(error: &RepositoryError) -> RepositoryError {
    match error {
        RepositoryError::Conflict(text) => RepositoryError::Conflict(text.clone()),
        RepositoryError::Unavailable(text) => RepositoryError::Unavailable(text.clone()),
        RepositoryError::StorageFull(text) => RepositoryError::StorageFull(text.clone()),
        RepositoryError::Corrupt(text) => RepositoryError::Corrupt(text.clone()),
        RepositoryError::Internal(text) => RepositoryError::Internal(text.clone()),
    }
}

fn by_kind(kind: Kind, text: String) -> RepositoryError {
    match kind {
        Kind::UniqueViolation | Kind::SerializationFailure => RepositoryError::Conflict(text),
        Kind::ClosedConnection | Kind::UnableToSendCommand | Kind::ReadOnlyTransaction => {
            RepositoryError::Unavailable(text)
        }
        Kind::ForeignKeyViolation | Kind::NotNullViolation | Kind::CheckViolation => {
            RepositoryError::Internal(text)
        }
        _ => by_text(text),
    }
}

/// For these neither backend gives Diesel a kind, so that the text must tell. Connections to PostgreSQL ask for
/// untranslated texts; SQLite's are constants.
fn by_text(text: String) -> RepositoryError {
    const CONFLICT: [&str; 1] = ["deadlock detected"];
    const STORAGE_FULL: [&str; 3] = ["disk is full", "disk full", "No space left"];
    const CORRUPT: [&str; 3] = ["database disk image is malformed", "is not a database", "invalid page"];
    const UNAVAILABLE: [&str; 21] = [
        // SQLite
        "is locked",
        "readonly database",
        "disk I/O error",
        "unable to open database",
        "locking protocol",
        "interrupted",
        "out of memory",
        // PostgreSQL
        "canceling statement",
        "terminating connection",
        "the database system is",
        "during recovery",
        "server closed the connection",
        "no connection to the server",
        "connection to server",
        "could not receive data",
        "could not send data",
        "too many clients",
        "connection slots",
        "out of shared memory",
        "SSL connection has been closed",
        "SSL SYSCALL error",
    ];
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if has(&CONFLICT) {
        RepositoryError::Conflict(text)
    } else if has(&STORAGE_FULL) {
        RepositoryError::StorageFull(text)
    } else if has(&CORRUPT) {
        RepositoryError::Corrupt(text)
    } else if has(&UNAVAILABLE) {
        RepositoryError::Unavailable(text)
    } else {
        RepositoryError::Internal(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(kind: Kind, text: &str) -> &'static str {
        match repository_error(&Error::DatabaseError(kind, Box::new(text.to_owned()))) {
            RepositoryError::Conflict(_) => "conflict",
            RepositoryError::Unavailable(_) => "unavailable",
            RepositoryError::StorageFull(_) => "storage full",
            RepositoryError::Corrupt(_) => "corrupt",
            RepositoryError::Internal(_) => "internal",
        }
    }

    #[test]
    fn failures_of_the_database_mean_what_a_client_can_act_on() {
        for (kind, text, expected) in [
            (Kind::UniqueViolation, "x", "conflict"),
            (Kind::SerializationFailure, "x", "conflict"),
            (Kind::Unknown, "deadlock detected", "conflict"),
            (Kind::ForeignKeyViolation, "x", "internal"),
            (Kind::ClosedConnection, "x", "unavailable"),
            (Kind::ReadOnlyTransaction, "x", "unavailable"),
            (Kind::Unknown, "database is locked", "unavailable"),
            (Kind::Unknown, "attempt to write a readonly database", "unavailable"),
            (Kind::Unknown, "terminating connection due to administrator command", "unavailable"),
            (Kind::Unknown, "canceling statement due to lock timeout", "unavailable"),
            (Kind::Unknown, "SSL SYSCALL error: EOF detected", "unavailable"),
            (Kind::Unknown, "database or disk is full", "storage full"),
            (Kind::Unknown, "could not extend file \"base/1\": No space left on device", "storage full"),
            (Kind::Unknown, "database disk image is malformed", "corrupt"),
            (Kind::Unknown, "syntax error at or near \"SELEC\"", "internal"),
        ] {
            assert_eq!(kind_of(kind, text), expected, "{text}");
        }
    }

    #[test]
    fn a_failed_commit_is_never_an_internal_error_because_it_may_have_happened() {
        let error = Error::DatabaseError(Kind::Unknown, Box::new("something new".to_owned()));
        assert!(matches!(commit_error(&error), RepositoryError::Unavailable(_)));
    }
}
