//! Throw-away databases, empty or with the chat's tables.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use chat_store::{Backend, DatabaseUrl, Store, StoreOptions, migrations};
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use tempfile::TempDir;

/// A database that goes away with this value.
pub(crate) struct Database {
    pub(crate) url: DatabaseUrl,
    keep: Keep,
}

enum Keep {
    Folder(TempDir),
    Server { admin_url: String, url: String, name: String },
}

/// Runs a test on an empty database of each backend; says loudly when one is left out.
pub(crate) fn on_each_backend(test: impl Fn(&Database)) {
    test(&Database::sqlite());
    if let Some(database) = Database::postgres() {
        test(&database);
    }
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite_file(&folder.path().join("chat database.db"));
        Self { url, keep: Keep::Folder(folder) }
    }

    /// An empty PostgreSQL database, if there is a server for tests.
    pub(crate) fn postgres() -> Option<Self> {
        static LEFT_OUT: Once = Once::new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(admin_url) = std::env::var("CHAT_TEST_POSTGRES_URL") else {
            LEFT_OUT.call_once(|| {
                eprintln!("\n*** CHAT_TEST_POSTGRES_URL is not set: POSTGRESQL IS NOT TESTED ***\n");
            });
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("chat_test_{}_{number}", std::process::id());
        let (server, _) = admin_url.rsplit_once('/').unwrap();
        let url = format!("{server}/{name}");
        raw_postgres(&admin_url).batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        Some(Self { url: url.parse().unwrap(), keep: Keep::Server { admin_url, url, name } })
    }

    pub(crate) fn backend(&self) -> Backend {
        self.url.backend()
    }

    /// Applies the migrations and opens a store.
    pub(crate) fn migrated(&self) -> Store {
        migrations::up(&self.url, &StoreOptions::default()).unwrap();
        self.open()
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.url, &StoreOptions::default()).unwrap()
    }

    /// The folder of the SQLite file.
    pub(crate) fn folder(&self) -> &std::path::Path {
        match &self.keep {
            Keep::Folder(folder) => folder.path(),
            Keep::Server { .. } => panic!("PostgreSQL has no folder"),
        }
    }

    /// The address with its password.
    pub(crate) fn address(&self) -> String {
        match &self.keep {
            Keep::Folder(_) => self.url.to_string(),
            Keep::Server { url, .. } => url.clone(),
        }
    }

    /// Runs statements past the store.
    pub(crate) fn execute(&self, statements: &str) {
        match &self.keep {
            Keep::Folder(_) => self.raw_sqlite().batch_execute(statements).unwrap(),
            Keep::Server { url, .. } => raw_postgres(url).batch_execute(statements).unwrap(),
        }
    }

    /// How many transactions have written, as the database itself knows it: on SQLite those in the log, on PostgreSQL
    /// those that messages come from.
    pub(crate) fn commits(&self) -> usize {
        let Keep::Server { url, .. } = &self.keep else { return commits_in_log(&self.log()) };
        let writers = "SELECT count(DISTINCT xmin::text) AS count FROM chat_message";
        let Count { count } = sql_query(writers).get_result(&mut raw_postgres(url)).unwrap();
        usize::try_from(count).unwrap()
    }

    /// How many messages a copy of SQLite's file without its log holds; `None` if the file was just written to.
    pub(crate) fn messages_without_log(&self) -> Option<i64> {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.db");
        std::fs::copy(self.url.sqlite_path().unwrap(), &copy).unwrap();
        let messages = sql_query("SELECT count(*) AS count FROM chat_message");
        let counted = messages.get_result(&mut raw_sqlite(copy.to_str().unwrap()));
        counted.ok().map(|Count { count }| count)
    }

    /// How long SQLite's write-ahead log has been.
    pub(crate) fn log_bytes(&self) -> usize {
        self.log().len()
    }

    /// SQLite's write-ahead log.
    fn log(&self) -> Vec<u8> {
        let path = self.url.sqlite_path().unwrap().to_str().unwrap();
        std::fs::read(format!("{path}-wal")).unwrap()
    }

    pub(crate) fn raw_sqlite(&self) -> SqliteConnection {
        raw_sqlite(self.url.sqlite_path().unwrap().to_str().unwrap())
    }

    pub(crate) fn raw_postgres(&self) -> PgConnection {
        match &self.keep {
            Keep::Server { url, .. } => raw_postgres(url),
            Keep::Folder(_) => panic!("this is SQLite"),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Keep::Server { admin_url, name, .. } = &self.keep {
            let dropped =
                raw_postgres(admin_url).batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
            if let Err(error) = dropped {
                eprintln!("{name} stays: {error}");
            }
        }
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// The commits in a write-ahead log: behind its header stand pages with a header each, and the last page of a commit is
/// the one whose header tells the size of the database (<https://sqlite.org/fileformat2.html#walformat>).
fn commits_in_log(log: &[u8]) -> usize {
    const LOG_HEADER_BYTES: usize = 32;
    const PAGE_HEADER_BYTES: usize = 24;
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let page_bytes = usize::try_from(number(&log[8..12])).unwrap();
    let pages = log[LOG_HEADER_BYTES..].chunks_exact(PAGE_HEADER_BYTES + page_bytes);
    pages.filter(|page| number(&page[4..8]) != 0).count()
}

#[expect(clippy::disallowed_methods, reason = "the backend is known here")]
fn raw_postgres(url: &str) -> PgConnection {
    diesel::Connection::establish(url).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the backend is known here")]
fn raw_sqlite(path: &str) -> SqliteConnection {
    diesel::Connection::establish(path).unwrap()
}
