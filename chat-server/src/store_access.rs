//! The way to the store: one trait. Threads in the server; a simulation runs the same code inline.

use chat_domain::{Command, CommandError, Outcome, Repository, RepositoryError};
use chat_store::{Store, WorkerPool, Writer};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::node::metrics::Waiting;
use crate::priority;

/// Something to be read. When its turn has come, and before the snapshot begins, it says what is to be done in it; or
/// that nobody waits for it any more.
pub(crate) type ReadWork = Box<dyn FnOnce() -> Option<SnapshotWork> + Send>;

/// What is done in one snapshot. It gets the repository, or why there is none.
pub(crate) type SnapshotWork = Box<dyn FnOnce(Result<&mut dyn Repository, RepositoryError>) + Send>;

/// Who waits for the outcome of a command.
#[derive(Debug)]
pub(crate) enum Ticket {
    /// A request on a connection, answered through its shard. The number is the shard's own.
    Request { shard: usize, request: u64 },
    /// A future that waits.
    Call(oneshot::Sender<Result<Outcome, CommandError>>),
    /// Nobody.
    Nobody,
}

/// What the server needs of a store.
pub(crate) trait StoreAccess: Send + Sync {
    /// Queues a durable command for the next batch.
    fn submit(&self, command: Command, ticket: Ticket) -> Result<(), Failure>;

    /// Queues something to be read.
    fn read(&self, work: ReadWork) -> Result<(), Failure>;

    /// How much waits.
    fn waiting(&self) -> Waiting;

    /// Whether the writer was woken for a batch and has not taken it yet: where there is one core, it waits for that.
    fn is_commit_due(&self) -> bool {
        false
    }

    /// Commits what is queued, and takes nothing more.
    fn stop(&self);
}

/// The writer's thread and the readers' threads.
pub(crate) struct StoreThreads {
    store: Store,
    readers: WorkerPool,
    writer: std::sync::RwLock<Option<Writer<Ticket>>>,
}

impl StoreThreads {
    pub(crate) const fn new(store: Store, readers: WorkerPool, writer: Writer<Ticket>) -> Self {
        Self { store, readers, writer: std::sync::RwLock::new(Some(writer)) }
    }
}

impl StoreAccess for StoreThreads {
    fn submit(&self, command: Command, ticket: Ticket) -> Result<(), Failure> {
        let writer = self.writer.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let writer = writer.as_ref().ok_or_else(Failure::overloaded)?;
        writer.submit(command, ticket).map_err(|_| Failure::overloaded())
    }

    fn read(&self, work: ReadWork) -> Result<(), Failure> {
        let store = self.store.clone();
        let job = move || {
            priority::stand_back(priority::READERS);
            let mut work = work();
            if work.is_none() {
                return;
            }
            let read = store.read::<(), RepositoryError>(|repository| {
                if let Some(work) = work.take() {
                    work(Ok(repository));
                }
                Ok(())
            });
            if let (Err(error), Some(work)) = (read, work) {
                work(Err(error));
            }
        };
        self.readers.submit(job).map_err(|_| Failure::overloaded())
    }

    fn waiting(&self) -> Waiting {
        let writer = self.writer.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Waiting { commands: writer.as_ref().map_or(0, Writer::queued), reads: self.readers.queued() }
    }

    fn is_commit_due(&self) -> bool {
        let writer = self.writer.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        writer.as_ref().is_some_and(Writer::is_due)
    }

    fn stop(&self) {
        let writer = self.writer.write().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(writer) = writer {
            writer.stop();
        }
    }
}
