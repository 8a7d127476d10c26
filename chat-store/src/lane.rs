//! The lane of writes: one connection, one transaction at a time, reopened after a failure.
//!
//! SQLite has one writer per file; whoever writes in this process waits here instead of fighting for its lock.

use std::sync::{Mutex, PoisonError};

use chat_domain::{Repository, RepositoryError};

use crate::any_connection::AnyConnection;
use crate::opener::{Opener, Purpose};
use crate::transaction::{self, Fate, Ran};

/// One connection for writing.
pub(crate) struct Lane {
    opener: Opener,
    /// Empty before the first use and after a failure.
    slot: Mutex<Option<AnyConnection>>,
}

impl Lane {
    pub(crate) fn new(opener: Opener, connection: Option<AnyConnection>) -> Self {
        Self { opener, slot: Mutex::new(connection) }
    }

    /// A lane of its own to the same database.
    pub(crate) fn beside(&self) -> Self {
        Self::new(self.opener.clone(), None)
    }

    /// Runs `work` in a write transaction.
    pub(crate) fn run<T, E: From<RepositoryError>>(
        &self,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
    ) -> Ran<T, E> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out of the slot, so that a panic drops it, which rolls back.
        let mut connection = match self.begin(slot.take()) {
            Ok(connection) => connection,
            Err(error) => return Ran { result: Err(E::from(error)), fate: Fate::Suspect },
        };
        let ran = transaction::run(&mut connection, work);
        if ran.fate != Fate::Suspect {
            *slot = Some(connection);
        }
        ran
    }

    /// A connection beside that of the lane.
    pub(crate) fn connect(&self) -> Result<AnyConnection, RepositoryError> {
        self.opener.open()
    }

    fn begin(&self, held: Option<AnyConnection>) -> Result<AnyConnection, RepositoryError> {
        if let Some(mut connection) = held {
            match (transaction::begin(&mut connection, Purpose::Write), &connection) {
                (Ok(()), _) => return Ok(connection),
                // Its lock was waited for; waiting twice helps nobody.
                (Err(error), AnyConnection::Sqlite(_)) => return Err(error),
                // The server restarted meanwhile. Nothing was asked of it yet, so a new connection may be.
                (Err(_), AnyConnection::Postgres(_)) => {}
            }
        }
        let mut connection = self.opener.open()?;
        transaction::begin(&mut connection, Purpose::Write)?;
        Ok(connection)
    }
}
