//! Opens connections to one database: always the backend that the URL names, always with our settings.

use chat_domain::RepositoryError;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::R2D2Connection;
use diesel::{PgConnection, SqliteConnection};

use crate::any_connection::AnyConnection;
use crate::database_url::DatabaseUrl;
use crate::error::{connection_error, repository_error};
use crate::options::StoreOptions;

/// What SQLite keeps of its write-ahead log after a checkpoint, in bytes.
const SQLITE_JOURNAL_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Pages that the writing connection keeps in memory, in KiB: the ends of the indexes of some hundred busy rooms.
const SQLITE_WRITER_CACHE_KIB: u32 = 16 * 1024;
/// Pages of 4 KiB in SQLite's log after which a commit copies them into the database, if the checkpointer didn't keep
/// up. More would make a start after a crash longer.
const SQLITE_LOG_PAGES_MAX: u32 = 4_096;
/// How long PostgreSQL lets a transaction of a stopped process hold its locks, in milliseconds.
const POSTGRES_IDLE_IN_TRANSACTION_MS: u32 = 10_000;
/// After how many seconds of silence TCP asks whether PostgreSQL is still there.
const POSTGRES_KEEPALIVES_IDLE_SECONDS: u32 = 10;
/// How many seconds pass between two such questions.
const POSTGRES_KEEPALIVES_INTERVAL_SECONDS: u32 = 5;
/// After how many unanswered questions the connection is lost.
const POSTGRES_KEEPALIVES_COUNT: u32 = 3;
/// After how many milliseconds unacknowledged data means that the connection is lost.
const POSTGRES_TCP_USER_TIMEOUT_MS: u32 = 10_000;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading snapshots.
    Read,
    /// Changing data.
    Write,
    /// Changing the schema: waits for others as long as they live.
    Migrate,
}

/// Knows how to open connections for one purpose.
#[derive(Debug, Clone)]
pub(crate) struct Opener {
    pub(crate) url: DatabaseUrl,
    pub(crate) options: StoreOptions,
    pub(crate) purpose: Purpose,
}

/// A connection of the pool.
pub(crate) struct Reader {
    pub(crate) connection: AnyConnection,
    /// Set after a failure, so that the pool drops the connection.
    pub(crate) is_suspect: bool,
}

impl Opener {
    pub(crate) fn new(url: &DatabaseUrl, options: &StoreOptions, purpose: Purpose) -> Self {
        Self { url: url.clone(), options: options.clone(), purpose }
    }

    /// Opens a connection. A SQLite file must exist.
    pub(crate) fn open(&self) -> Result<AnyConnection, RepositoryError> {
        let mut connection = match (self.url.sqlite_path(), self.url.postgres_url()) {
            (Some(path), _) => AnyConnection::Sqlite(
                open_sqlite(&sqlite_uri(path, "mode=rw")).map_err(|error| connection_error(&error))?,
            ),
            (None, Some(url)) => AnyConnection::Postgres(
                open_postgres(&self.postgres_url(url)).map_err(|error| connection_error(&error))?,
            ),
            (None, None) => return Err(RepositoryError::Internal("a URL names no database".to_owned())),
        };
        for setting in self.settings() {
            connection.batch_execute(&setting).map_err(|error| repository_error(&error))?;
        }
        Ok(connection)
    }

    /// The URL with our timeouts, where it doesn't name its own.
    fn postgres_url(&self, url: &str) -> String {
        let parameters = [
            ("connect_timeout", self.options.connect_timeout_ms.div_ceil(1_000).max(2)),
            ("keepalives_idle", POSTGRES_KEEPALIVES_IDLE_SECONDS),
            ("keepalives_interval", POSTGRES_KEEPALIVES_INTERVAL_SECONDS),
            ("keepalives_count", POSTGRES_KEEPALIVES_COUNT),
            ("tcp_user_timeout", POSTGRES_TCP_USER_TIMEOUT_MS),
        ];
        let mut url = url.to_owned();
        for (name, value) in parameters {
            if !url.contains(&format!("{name}=")) {
                let separator = if url.contains('?') { '&' } else { '?' };
                url.push_str(&format!("{separator}{name}={value}"));
            }
        }
        url
    }

    /// One statement each, because SQLite heeds the order of pragmas.
    fn settings(&self) -> Vec<String> {
        match self.url.sqlite_path() {
            Some(_) => self.sqlite_settings(),
            None => vec![self.postgres_settings()],
        }
    }

    fn sqlite_settings(&self) -> Vec<String> {
        let mut settings = vec![
            format!("PRAGMA busy_timeout = {}", self.options.busy_timeout_ms),
            "PRAGMA foreign_keys = ON".to_owned(),
        ];
        settings.extend(match self.purpose {
            // Whatever reads the file opens its log too, so that nothing is left to open at the first question.
            Purpose::Read => vec!["PRAGMA query_only = ON".to_owned(), "PRAGMA schema_version".to_owned()],
            Purpose::Write | Purpose::Migrate => vec![
                // Acknowledged means on disk: every commit syncs the log.
                "PRAGMA synchronous = FULL".to_owned(),
                format!("PRAGMA journal_size_limit = {SQLITE_JOURNAL_BYTES_MAX}"),
                format!("PRAGMA cache_size = -{SQLITE_WRITER_CACHE_KIB}"),
                format!("PRAGMA wal_autocheckpoint = {SQLITE_LOG_PAGES_MAX}"),
            ],
        });
        settings
    }

    fn postgres_settings(&self) -> String {
        let (statement_ms, lock_ms) = match self.purpose {
            Purpose::Read | Purpose::Write => {
                (self.options.statement_timeout_ms, self.options.busy_timeout_ms)
            }
            Purpose::Migrate => (0, 0),
        };
        // Acknowledged means on disk; who asks for more than `on` keeps it.
        // Texts in English, where this role may ask for it, because some errors are known by their text only. In a block of
        // its own: what a block did before an exception is undone.
        format!(
            "SET statement_timeout = {statement_ms}; SET lock_timeout = {lock_ms}; \
             SET idle_in_transaction_session_timeout = {POSTGRES_IDLE_IN_TRANSACTION_MS}; \
             DO $$ BEGIN \
               IF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN \
                 PERFORM set_config('synchronous_commit', 'on', false); \
               END IF; \
               BEGIN \
                 PERFORM set_config('lc_messages', 'C', false); \
               EXCEPTION WHEN insufficient_privilege THEN NULL; END; \
             END $$"
        )
    }
}

impl r2d2::ManageConnection for Opener {
    type Connection = Reader;
    type Error = RepositoryError;

    fn connect(&self) -> Result<Reader, RepositoryError> {
        Ok(Reader { connection: self.open()?, is_suspect: false })
    }

    fn is_valid(&self, reader: &mut Reader) -> Result<(), RepositoryError> {
        reader.connection.ping().map_err(|error| repository_error(&error))
    }

    fn has_broken(&self, reader: &mut Reader) -> bool {
        reader.is_suspect || std::thread::panicking() || reader.connection.is_broken()
    }
}

#[expect(clippy::disallowed_methods, reason = "the backend is known here")]
pub(crate) fn open_sqlite(uri: &str) -> ConnectionResult<SqliteConnection> {
    SqliteConnection::establish(uri)
}

#[expect(clippy::disallowed_methods, reason = "the backend is known here")]
fn open_postgres(url: &str) -> ConnectionResult<PgConnection> {
    PgConnection::establish(url)
}

/// With `mode=rw` a file that went away is an error, not a new and empty database.
pub(crate) fn sqlite_uri(path: &std::path::Path, parameters: &str) -> String {
    // An absolute path has an empty authority before it: with two slashes at its beginning it would name one itself.
    let mut uri = if path.is_absolute() { "file://" } else { "file:" }.to_owned();
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri + "?" + parameters
}

#[cfg(test)]
mod tests {
    use diesel::sql_query;
    use diesel::sql_types::BigInt;

    use super::*;

    #[derive(QueryableByName)]
    struct Pragma {
        #[diesel(sql_type = BigInt)]
        value: i64,
    }

    fn check(purpose: Purpose, expected: &[(&str, i64)]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a #?% b.db");
        std::fs::File::create(&path).unwrap();
        let url = DatabaseUrl::sqlite_file(&path);
        let mut connection = Opener::new(&url, &StoreOptions::default(), purpose).open().unwrap();
        for (name, value) in expected {
            let found: Pragma = sql_query(format!("SELECT {name} AS value FROM pragma_{name}"))
                .get_result(&mut connection)
                .unwrap();
            assert_eq!(found.value, *value, "{name}");
        }
    }

    #[test]
    fn a_writing_connection_to_sqlite_syncs_every_commit() {
        check(Purpose::Write, &[("synchronous", 2), ("foreign_keys", 1), ("query_only", 0)]);
    }

    #[test]
    fn a_reading_connection_to_sqlite_cannot_write() {
        check(Purpose::Read, &[("query_only", 1)]);
    }

    #[test]
    fn the_timeouts_of_a_postgres_url_are_kept() {
        let opener = |url: &str| {
            let opener = Opener::new(&url.parse().unwrap(), &StoreOptions::default(), Purpose::Write);
            opener.postgres_url(url)
        };
        let url = opener("postgres://ann@localhost/chat");
        assert!(url.starts_with("postgres://ann@localhost/chat?connect_timeout=2&keepalives_idle="), "{url}");
        let url = opener("postgres://ann@localhost/chat?connect_timeout=9");
        assert!(url.contains("connect_timeout=9&") && !url.contains("connect_timeout=2"), "{url}");
    }
}
