//! The store against both databases. PostgreSQL takes part where `CHAT_TEST_POSTGRES_URL` names a throw-away server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "these are tests"
)]

mod away;
mod chat;
mod contract;
mod costs;
mod database;
mod database_url;
mod migrations;
mod password;
mod plans;
mod racing;
mod schema;
mod statements;
mod worker_pool;
mod writer;
