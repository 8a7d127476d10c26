//! One connection type for both backends, and the one place where they part.
#![expect(clippy::disallowed_methods, reason = "the derived `establish`, which nobody calls")]

use diesel::{PgConnection, SqliteConnection};

/// A connection to either backend. Queries written on it are written once.
///
/// Never opened through `establish`, which tries one backend after the other and makes a SQLite file of whatever it
/// doesn't understand.
#[derive(diesel::MultiConnection)]
pub(crate) enum AnyConnection {
    /// PostgreSQL.
    Postgres(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// Runs one Diesel expression on the concrete connection.
///
/// `MultiConnection` has no `ON CONFLICT`: its dialect covers only what every backend shares. Both of ours speak the
/// same upsert, so the expression is written once and compiled twice.
macro_rules! on_backend {
    ($connection:expr, |$concrete:ident| $query:expr) => {
        match $connection {
            $crate::any_connection::AnyConnection::Postgres($concrete) => $query,
            $crate::any_connection::AnyConnection::Sqlite($concrete) => $query,
        }
    };
}
pub(crate) use on_backend;
