//! What the program does, seen through the real binary, its exit codes, and the store.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod backup;
mod chat;
mod configuration;
mod migrate;
mod postgres;
mod room;
mod seed;
mod usage;
mod user;
mod user_sessions;
