//! The chat's repositories on Diesel: SQLite (embedded) and PostgreSQL in one binary.
//!
//! [`Store::open`] opens the database that a [`DatabaseUrl`] names; [`Store::read`] and [`Store::write`] run use
//! cases of `chat-domain` in one transaction each. The [`Writer`] commits durable commands in groups;
//! [`WorkerPool`] holds the threads for everything else that blocks, such as [`password`] hashing; [`tokens`] are what
//! signed-in devices hold. Everything here is synchronous and knows nothing of the wire.
#![forbid(unsafe_code)]

pub mod backup;
pub mod lock_file;
pub mod migrations;
pub mod password;
pub mod secret_key;
pub mod tokens;

mod any_connection;
mod batch_postgres;
mod batch_sqlite;
mod checkpointer;
mod commit;
mod control;
mod credit;
mod database_url;
mod error;
mod lane;
mod messages;
mod opener;
mod options;
mod participants;
mod postgres_statement;
mod rooms;
mod rows;
mod schema;
mod schema_check;
mod sessions;
mod sqlite_statement;
mod statement;
mod store;
mod suitability;
mod transaction;
mod transactions;
mod users;
mod worker_pool;
mod writer;

pub use commit::{Completed, commit};
pub use credit::{Audience, Credit, CreditShare};
pub use database_url::{Backend, DatabaseUrl, DatabaseUrlError};
pub use error::OpenError;
pub use options::StoreOptions;
pub use store::Store;
pub use transactions::Transactions;
pub use worker_pool::{QueueFull, WorkerPool};
pub use writer::{CommitSink, Refused, Writer, WriterOptions};
