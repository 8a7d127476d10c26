//! What the program does, seen through the real binary, its exit codes, and the store.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod backup;
#[cfg(target_os = "linux")]
mod bench;
mod chat;
mod configuration;
mod migrate;
mod postgres;
mod room;
mod seed;
mod seed_tokens;
mod server;
mod talk;
mod usage;
mod user;
mod user_sessions;
