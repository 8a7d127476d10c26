//! What the tests share: databases, servers and clients.

pub(crate) mod bad_network;
pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod crowd;
pub(crate) mod database;
pub(crate) mod exposition;
pub(crate) mod frames;
pub(crate) mod http;
pub(crate) mod line;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod server;

pub(crate) use client::Client;
pub(crate) use database::{Database, on_each_backend};
pub(crate) use server::TestServer;

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How much later than promised something may come on a busy machine before a test fails.
pub(crate) const LENIENCE: u32 = 3;

/// Says past the test runner's capture, which hides what a passing test prints, that a test was left out.
pub(crate) fn left_out(test: &str, why: &str) {
    static LEFT_OUT: AtomicU32 = AtomicU32::new(0);
    let number = LEFT_OUT.fetch_add(1, Ordering::Relaxed) + 1;
    let _ = writeln!(std::io::stderr(), "\n*** {test} IS LEFT OUT ({number} so far): {why} ***\n");
}

/// How long a test waits for something that must come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

/// How far many times are apart, and the longest of them.
pub(crate) fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let last = times.len() - 1;
    format!("half {:?}, 99 of 100 {:?}, all {:?}", times[last / 2], times[last * 99 / 100], times[last])
}

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
