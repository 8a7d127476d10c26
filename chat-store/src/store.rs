//! The store: a database that was checked, its readers and its lane of writes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chat_domain::{Repository, RepositoryError};

use crate::any_connection::AnyConnection;
use crate::control::ensure_meta;
use crate::database_url::{Backend, DatabaseUrl};
use crate::error::OpenError;
use crate::lane::Lane;
use crate::opener::{Opener, Purpose, Reader};
use crate::options::StoreOptions;
use crate::schema_check::check_schema;
use crate::suitability::check_suitable;
use crate::transaction::{self, Fate, Ran};

/// An open database. Clones share it; every call blocks the thread that makes it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
}

struct Shared {
    backend: Backend,
    readers: r2d2::Pool<Opener>,
    warnings: Vec<String>,
}

/// How often a transaction is repeated after a conflict before it fails.
pub(crate) const CONFLICT_REPEATS_MAX: usize = 5;

impl Store {
    /// Opens a database and makes sure that it has an epoch.
    ///
    /// # Errors
    /// If it can't be reached, can't keep what the chat promises, or its schema is too old or too new.
    pub fn open(url: &DatabaseUrl, options: &StoreOptions) -> Result<Self, OpenError> {
        if url.sqlite_path().is_some_and(|path| !path.exists()) {
            return Err(OpenError::PendingMigrations { names: crate::migrations::names(Backend::Sqlite)? });
        }
        let opener = Opener::new(url, options, Purpose::Write);
        let mut connection = opener.open()?;
        let warnings = check_suitable(&mut connection)?;
        check_schema(&mut connection)?;
        ensure_meta(&mut connection)?;
        let readers = readers(Opener::new(url, options, Purpose::Read))?;
        Ok(Self {
            shared: Arc::new(Shared { backend: url.backend(), readers, warnings }),
            lane: Arc::new(Lane::new(opener, Some(connection))),
        })
    }

    /// What kind of database it is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.shared.backend
    }

    /// What an operator should know of how the database is set up.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.shared.warnings
    }

    /// Runs `work` on one snapshot of the data.
    ///
    /// # Errors
    /// The error of `work`, or of the database.
    pub fn read<T, E: From<RepositoryError>>(
        &self,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut reader = self.begin_read()?;
        let ran = transaction::run(&mut reader.connection, work);
        reader.is_suspect = ran.fate == Fate::Suspect;
        ran.result
    }

    /// Runs `work` in a write transaction: whole if it answers `Ok`, not at all if it answers an error.
    ///
    /// An error that a repository answered fails the transaction, also if `work` passes over it.
    ///
    /// # Errors
    /// The error of `work`, or of the database. After [`RepositoryError::Unavailable`] the work may be stored.
    pub fn write<T, E: From<RepositoryError>>(
        &self,
        mut work: impl FnMut(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run_write(&mut work).result
    }

    /// Like [`Store::write`], and repeats the work a few times when somebody else was faster.
    ///
    /// # Errors
    /// As for [`Store::write`].
    pub fn write_retrying<T, E: From<RepositoryError>>(
        &self,
        mut work: impl FnMut(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 0..CONFLICT_REPEATS_MAX {
            let ran = self.run_write(&mut work);
            if ran.fate != Fate::Conflict {
                return ran.result;
            }
        }
        self.run_write(&mut work).result
    }

    /// Asks the database something small.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub fn health(&self) -> Result<(), RepositoryError> {
        self.read(|repository| repository.database_state().map(|_| ()))
    }

    /// The same store with a connection of its own for writing, where the database has more than one writer.
    pub(crate) fn with_own_lane(&self) -> Self {
        match self.backend() {
            Backend::Sqlite => self.clone(),
            Backend::Postgres => {
                Self { shared: Arc::clone(&self.shared), lane: Arc::new(self.lane.beside()) }
            }
        }
    }

    /// A connection for writing beside that of the lane.
    pub(crate) fn connect(&self) -> Result<AnyConnection, RepositoryError> {
        self.lane.connect()
    }

    fn run_write<T, E: From<RepositoryError>>(
        &self,
        work: &mut impl FnMut(&mut dyn Repository) -> Result<T, E>,
    ) -> Ran<T, E> {
        self.lane.run(|repository| work(repository))
    }

    /// A reader with a transaction. Readers that a restart of the server killed are passed over: nothing was asked
    /// of them yet.
    fn begin_read(&self) -> Result<r2d2::PooledConnection<Opener>, RepositoryError> {
        let readers = &self.shared.readers;
        let mut last = RepositoryError::Unavailable("there is no reader".to_owned());
        for _ in 0..=readers.max_size() {
            let mut reader =
                readers.get().map_err(|error| RepositoryError::Unavailable(error.to_string()))?;
            let Reader { connection, is_suspect } = &mut *reader;
            match transaction::begin(connection, Purpose::Read) {
                Ok(()) => return Ok(reader),
                Err(error) => {
                    *is_suspect = true;
                    last = error;
                }
            }
        }
        Err(last)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.shared.backend).finish_non_exhaustive()
    }
}

fn readers(opener: Opener) -> Result<r2d2::Pool<Opener>, OpenError> {
    let options = opener.options.clone();
    let is_file = opener.url.backend() == Backend::Sqlite;
    let mut builder = r2d2::Pool::builder()
        .max_size(options.readers.max(1))
        .min_idle(Some(1))
        // A dead reader is noticed when its transaction begins, without a round trip of its own.
        .test_on_check_out(false)
        .connection_timeout(Duration::from_millis(u64::from(options.connect_timeout_ms.max(1))))
        .error_handler(Box::new(Logged));
    if is_file {
        // All from the start and for good: later there may be no file descriptor for one more.
        builder = builder.min_idle(None).idle_timeout(None).max_lifetime(None);
    }
    builder
        .build(opener)
        .map_err(|error| OpenError::Repository(RepositoryError::Unavailable(error.to_string())))
}

/// The pool tries again by itself, and whoever waits for it is told why; so this is for the curious.
#[derive(Debug)]
struct Logged;

impl r2d2::HandleError<RepositoryError> for Logged {
    fn handle_error(&self, error: RepositoryError) {
        tracing::debug!(%error, "a reader could not be opened");
    }
}
