//! The way to a store in memory: the production's batching code, inline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_domain::{Command, MemoryRepository, Repository, RepositoryError};
use chat_store::{CommitSink, Credit, Transactions, commit};
use tokio::sync::Notify;

use crate::committed::Committed;
use crate::failure::Failure;
use crate::node::Node;
use crate::node::metrics::Waiting;
use crate::store_access::{ReadWork, StoreAccess, Ticket};

/// Commands that may wait: few, so that the refusal is reached too.
const QUEUE_MAX: usize = 64;

/// A repository in memory, and what waits to be committed. Clones are the same store.
#[derive(Clone)]
pub(super) struct MemoryStore(Arc<Shared>);

struct Shared {
    repository: Mutex<MemoryRepository>,
    queue: Mutex<Vec<(Command, Ticket)>>,
    wake: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStore {
    pub(super) fn new(repository: MemoryRepository) -> Self {
        let (repository, queue) = (Mutex::new(repository), Mutex::default());
        Self(Arc::new(Shared { repository, queue, wake: Notify::new() }))
    }

    /// The writer: commits all that waits, and tells.
    pub(super) async fn write_batches(self, node: Arc<Node>) {
        let clock = Arc::clone(&node.clock);
        let mut sink = Committed::new(node, self.clone());
        loop {
            self.0.wake.notified().await;
            let batch = std::mem::take(&mut *lock(&self.0.queue));
            sink.beginning();
            let now = clock.wall();
            sink.committed(commit(&self, now, batch), now, Credit::of_nobody());
        }
    }
}

impl Transactions for MemoryStore {
    fn read<T, E: From<RepositoryError>>(
        &self,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        work(&mut *lock(&self.0.repository))
    }

    fn write_retrying<T, E: From<RepositoryError>>(
        &self,
        work: impl FnMut(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        lock(&self.0.repository).transaction(work)
    }
}

impl StoreAccess for MemoryStore {
    fn submit(&self, command: Command, ticket: Ticket) -> Result<(), Failure> {
        let mut queue = lock(&self.0.queue);
        if queue.len() >= QUEUE_MAX {
            return Err(Failure::overloaded());
        }
        queue.push((command, ticket));
        self.0.wake.notify_one();
        Ok(())
    }

    fn read(&self, work: ReadWork) -> Result<(), Failure> {
        if let Some(work) = work() {
            work(Ok(&mut *lock(&self.0.repository)));
        }
        Ok(())
    }

    fn waiting(&self) -> Waiting {
        Waiting { commands: lock(&self.0.queue).len(), reads: 0 }
    }

    fn stop(&self) {}
}
