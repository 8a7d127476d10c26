//! How long it takes until everybody has what they missed: after a restart, after a storm, after a long absence.
//!
//! A deadline that is promised is asserted threefold, because the machine that runs the tests may be busy and the binary
//! is a debug build; every test prints what it measured. The figures of a release build:
//!
//! ```sh
//! cargo build --release -p chat-server
//! CHAT_SERVER_BIN=$PWD/target/release/chat-server cargo test -p chat-server --test it figures -- --nocapture --test-threads 1
//! ```

mod drain;
mod resume;
mod sign_in;
mod storm;
