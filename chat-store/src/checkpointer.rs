//! The checkpointer: copies SQLite's log into the database beside the commits, so that these seldom wait for it.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use diesel::connection::SimpleConnection;

use crate::any_connection::AnyConnection;
use crate::database_url::Backend;
use crate::error::repository_error;
use crate::store::Store;

/// Commits after which the log is copied. With one message a commit writes eight pages, so that is an eighth of what
/// the log may hold before a commit has to copy it.
const COMMITS: u32 = 64;

/// A thread with a connection of its own, where the database is SQLite. Dropping this waits until it has ended.
///
/// It takes no lock that a commit needs. What it is too slow for is copied by a commit, which bounds the log.
pub(crate) struct Checkpointer {
    /// Commits since the log was last due.
    commits: u32,
    /// Empty at the end, and on PostgreSQL.
    due: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system starts no thread.
    pub(crate) fn start(store: &Store) -> io::Result<Self> {
        if store.backend() == Backend::Postgres {
            return Ok(Self { commits: 0, due: None, thread: None });
        }
        let (due, whenever_due) = sync_channel(1);
        let store = store.clone();
        let thread = std::thread::Builder::new()
            .name("chat-checkpoint".to_owned())
            .spawn(move || copy_whenever_due(&store, &whenever_due))?;
        Ok(Self { commits: 0, due: Some(due), thread: Some(thread) })
    }

    /// Notes a commit.
    pub(crate) fn committed(&mut self) {
        self.commits += 1;
        if self.commits < COMMITS {
            return;
        }
        self.commits = 0;
        if let Some(due) = &self.due {
            // Full means that it will copy anyway, and what was committed now with it.
            let _ = due.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.due = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpointer panicked");
        }
    }
}

fn copy_whenever_due(store: &Store, whenever_due: &Receiver<()>) {
    // Opened at once: later there may be no file descriptor for it.
    let mut connection = open(store);
    while whenever_due.recv().is_ok() {
        connection = connection.or_else(|| open(store)).and_then(copy);
    }
}

fn open(store: &Store) -> Option<AnyConnection> {
    store
        .connect()
        .inspect_err(|error| tracing::warn!(%error, "SQLite's log can't be copied beside commits"))
        .ok()
}

/// Copies what no reader needs from the log. Gives the connection back, unless it failed.
fn copy(mut connection: AnyConnection) -> Option<AnyConnection> {
    match connection.batch_execute("PRAGMA wal_checkpoint(PASSIVE)") {
        Ok(()) => Some(connection),
        Err(error) => {
            let error = repository_error(&error);
            tracing::warn!(%error, "SQLite's log could not be copied; it will be tried again");
            None
        }
    }
}
