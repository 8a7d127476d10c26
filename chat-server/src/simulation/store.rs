//! The way to the store in a simulation: the production's batching code, inline, in virtual time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use chat_domain::Command;
use chat_store::{CommitSink, Credit, commit};
use tokio::sync::Notify;

use super::chance::Chance;
use super::database::{Database, Inline};
use crate::committed::Committed;
use crate::failure::Failure;
use crate::node::Node;
use crate::node::metrics::Waiting;
use crate::store_access::{ReadWork, StoreAccess, Ticket};

/// Milliseconds that each part of a read takes, at most.
const READ_MS_MAX: usize = 30;
/// Milliseconds that commands gather before a batch is taken, at most.
const GATHER_MS_MAX: usize = 20;
/// Milliseconds that a commit takes, and its news, at most.
const COMMIT_MS_MAX: usize = 15;
/// Milliseconds of a commit that takes too long.
const STUCK_MS: usize = 6_000;
/// Commands in a batch, at most.
const BATCH_MAX: usize = 20;

/// One node's way to the database.
#[derive(Clone)]
pub(super) struct Access(Arc<Shared>);

struct Shared {
    database: Arc<Database>,
    chance: Chance,
    queue: Mutex<VecDeque<(Command, Ticket)>>,
    queue_max: usize,
    wake: Notify,
    is_slow: bool,
}

impl Access {
    pub(super) fn new(database: Arc<Database>, chance: Chance, is_slow: bool) -> Self {
        let queue_max = *chance.pick(&[4, 64, 4_096, 4_096]);
        Self(Arc::new(Shared {
            database,
            chance,
            queue: Mutex::default(),
            queue_max,
            wake: Notify::new(),
            is_slow,
        }))
    }

    /// How many commands wait.
    pub(super) fn queued(&self) -> usize {
        self.0.queue.lock().unwrap().len()
    }

    /// The writer: takes some of what waits, commits it, and tells.
    pub(super) async fn write_batches(self, node: Arc<Node>) {
        let Shared { database, chance, queue, wake, is_slow, .. } = &*self.0;
        let store = Inline(Arc::clone(database));
        let clock = Arc::clone(&node.clock);
        let mut sink = Committed::new(node, store.clone());
        loop {
            while queue.lock().unwrap().is_empty() {
                wake.notified().await;
            }
            tokio::time::sleep(chance.ms(GATHER_MS_MAX)).await;
            let batch: Vec<(Command, Ticket)> = {
                let mut queue = queue.lock().unwrap();
                let taken = (1 + chance.below(BATCH_MAX)).min(queue.len());
                queue.drain(..taken).collect()
            };
            sink.beginning();
            let now = clock.wall();
            let most = if *is_slow && chance.one_in(25) { STUCK_MS } else { COMMIT_MS_MAX };
            tokio::time::sleep(chance.ms(most)).await;
            let completed = commit(&store, now, batch);
            tokio::time::sleep(chance.ms(most)).await;
            sink.committed(completed, now, Credit::of_nobody());
        }
    }
}

impl StoreAccess for Access {
    fn submit(&self, command: Command, ticket: Ticket) -> Result<(), Failure> {
        let mut queue = self.0.queue.lock().unwrap();
        if queue.len() >= self.0.queue_max {
            return Err(Failure::overloaded());
        }
        queue.push_back((command, ticket));
        self.0.wake.notify_one();
        Ok(())
    }

    fn read(&self, work: ReadWork) -> Result<(), Failure> {
        let Shared { database, chance, .. } = &*self.0;
        let (database, before, after) =
            (Arc::clone(database), chance.ms(READ_MS_MAX), chance.ms(READ_MS_MAX));
        tokio::task::spawn_local(async move {
            tokio::time::sleep(before).await;
            let Some(work) = work() else { return };
            let snapshot = database.begin_read();
            // What is committed from here on is not in the snapshot.
            tokio::time::sleep(after).await;
            database.end_read(snapshot, work);
        });
        Ok(())
    }

    fn waiting(&self) -> Waiting {
        Waiting { commands: self.queued(), reads: 0 }
    }

    fn stop(&self) {}
}
