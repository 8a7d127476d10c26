//! When things break: the real binary and real clients while the database, the disk or the system fails.
//!
//! A deadline that is promised is asserted threefold, because the machine that runs the tests may be busy; every test
//! prints what it measured.

mod bad_network;
mod clock;
mod cluster;
mod descriptors;
mod fake_clock;
mod half_open;
pub(crate) mod ledger;
mod load;
mod memory;
mod namespace;
mod postgres;
mod presence;
pub(crate) mod server;
mod sqlite;
mod start;
pub(crate) mod strace;
mod sync_error;

use std::time::{Duration, Instant};

use crate::support::DEADLINE;

/// Within which a client has an answer, whatever the database does.
const ANSWER: Duration = Duration::from_secs(3);
/// Within which sends work again once the database is back.
const RECOVERY: Duration = Duration::from_secs(2);

/// How long something took, and what it came to.
async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let since = Instant::now();
    let value = work.await;
    (since.elapsed(), value)
}

/// Waits until a condition holds while the clients go on.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let come = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, come).await.unwrap_or_else(|_| panic!("{what} did not come"));
}
