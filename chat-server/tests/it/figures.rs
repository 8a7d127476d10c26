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
mod storm;

use std::time::Duration;

/// How far the times of many clients are apart, and the latest of them.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let last = times.len() - 1;
    format!(
        "half of them after {:?}, 99 of 100 after {:?}, all after {:?}",
        times[last / 2],
        times[last * 99 / 100],
        times[last]
    )
}
