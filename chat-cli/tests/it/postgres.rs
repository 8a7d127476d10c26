//! A database of its own on the PostgreSQL that `CHAT_TEST_POSTGRES_URL` names, dropped with its test.

use std::io::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::{Connection, PgConnection, RunQueryDsl};

/// A database that only one test knows.
pub(crate) struct PostgresDatabase {
    admin_url: String,
    name: String,
}

impl PostgresDatabase {
    /// Makes a database; `None`, said loudly, where no PostgreSQL is named.
    pub(crate) fn create() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        static LEFT_OUT: Once = Once::new();
        let Ok(admin_url) = std::env::var("CHAT_TEST_POSTGRES_URL") else {
            LEFT_OUT.call_once(|| {
                let text = "\n!!! PostgreSQL was LEFT OUT of these tests: set CHAT_TEST_POSTGRES_URL\n";
                let _ = std::io::stderr().write_all(text.as_bytes()); // the test runner doesn't capture this
            });
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("chat_cli_test_{}_{number}", std::process::id());
        execute(&admin_url, &format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"));
        Some(Self { admin_url, name })
    }

    /// How to reach it.
    pub(crate) fn url(&self) -> String {
        let address_end = self.admin_url.find('?').unwrap_or(self.admin_url.len());
        let (address, parameters) = self.admin_url.split_at(address_end);
        let (scheme, rest) = address.split_once("://").unwrap();
        let server = rest.split('/').next().unwrap_or_default();
        format!("{scheme}://{server}/{}{parameters}", self.name)
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        execute(&self.admin_url, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

#[expect(clippy::disallowed_methods, reason = "the store works in databases, it doesn't make them")]
fn execute(url: &str, sql: &str) {
    let mut connection = PgConnection::establish(url).unwrap();
    diesel::sql_query(sql).execute(&mut connection).unwrap();
}
