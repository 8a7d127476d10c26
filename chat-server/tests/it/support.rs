//! What the tests share: databases, servers and clients.

pub(crate) mod bad_network;
pub(crate) mod client;
pub(crate) mod crowd;
pub(crate) mod database;
pub(crate) mod exposition;
pub(crate) mod http;
pub(crate) mod line;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod server;

pub(crate) use client::Client;
pub(crate) use database::{Database, on_each_backend};
pub(crate) use server::TestServer;

use std::time::{Duration, Instant};

/// How long a test waits for something that must come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

/// Waits until a condition holds, and says what didn't come if it never does.
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < DEADLINE, "{what} did not come");
        std::thread::yield_now();
    }
}

/// Runs a test on a runtime of its own.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}
