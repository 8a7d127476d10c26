//! Throw-away databases.

use std::io::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// An empty database that goes away with this value, and a data folder beside it.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) folder: TempDir,
    postgres: Option<(String, String)>,
}

/// Runs a test on an empty database of each backend; says loudly when one is left out.
pub(crate) fn on_each_backend(test: impl Fn(Database)) {
    test(Database::sqlite());
    if let Some(database) = Database::postgres() {
        test(database);
    }
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("chat.db").display());
        Self { url, folder, postgres: None }
    }

    pub(crate) fn postgres() -> Option<Self> {
        static LEFT_OUT: Once = Once::new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(admin_url) = std::env::var("CHAT_TEST_POSTGRES_URL") else {
            // Past the test runner's capture, which hides what a passing test prints.
            LEFT_OUT.call_once(|| {
                let _ = writeln!(
                    std::io::stderr(),
                    "\n*** CHAT_TEST_POSTGRES_URL is not set: POSTGRESQL IS LEFT OUT ***\n"
                );
            });
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("chat_server_test_{}_{number}", std::process::id());
        let (server, _) = admin_url.rsplit_once('/').unwrap();
        let url = format!("{server}/{name}");
        execute(&admin_url, &format!("CREATE DATABASE {name}"));
        Some(Self { url, folder: tempfile::tempdir().unwrap(), postgres: Some((admin_url, name)) })
    }

    /// Does something to the database past every server.
    pub(crate) fn execute(&self, statement: &str) {
        match &self.postgres {
            Some(_) => execute(&self.url, statement),
            None => sqlite(&self.url).batch_execute(statement).unwrap(),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((admin_url, name)) = &self.postgres {
            execute(admin_url, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a PostgreSQL connection of a fixed backend, past the store")]
fn execute(url: &str, statement: &str) {
    PgConnection::establish(url).unwrap().batch_execute(statement).unwrap();
}

/// A connection to a SQLite file.
#[expect(clippy::disallowed_methods, reason = "a SQLite connection of a fixed backend, past the store")]
pub(crate) fn sqlite(url: &str) -> SqliteConnection {
    SqliteConnection::establish(url.strip_prefix("sqlite:").unwrap()).unwrap()
}
