//! A real server on a free port, real WebSocket clients, a real database.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints what it measured"
)]

mod support;

mod abuse;
mod arrows;
mod chat;
mod control;
mod drain;
mod durability;
#[cfg(feature = "echo")]
mod echo;
mod figures;
mod health;
mod limits;
mod log;
mod metrics;
mod operating;
mod outage;
mod overload;
mod presence;
mod process;
mod restore;
mod rooms;
mod sessions;
mod settings;
mod sign_in;
mod system_calls;
mod timeouts;
