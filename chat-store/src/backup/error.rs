//! What can go wrong with a backup.

use std::path::{Path, PathBuf};

use chat_domain::RepositoryError;
use diesel::result::Error;
use thiserror::Error as ThisError;

use crate::error::{OpenError, repository_error};

/// Why a backup was not made, or not restored. Nothing was changed then.
#[derive(Debug, ThisError)]
pub enum BackupError {
    /// The file of the backup exists already.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// There is no such file.
    #[error("there is no file {}", .0.display())]
    NoFile(PathBuf),
    /// The file of the backup is the database itself.
    #[error("{} belongs to the database itself", .0.display())]
    IsDatabase(PathBuf),
    /// Another program makes the same file.
    #[error("{} is being made by another program", .0.display())]
    Busy(PathBuf),
    /// A server, or another restore, holds the database.
    #[error("{} is in use by a running chat-server ({holder})", .path.display())]
    ServerRuns {
        /// The database file.
        path: PathBuf,
        /// What the other program wrote of itself.
        holder: String,
    },
    /// Some other program has the database open.
    #[error("{} is open in another program", .0.display())]
    OpenElsewhere(PathBuf),
    /// The file is no backup.
    #[error("{} is no backup: {why}", .path.display())]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// The backup, or the database, was made by a newer program.
    #[error("{what} is of a newer schema: this program doesn't know the migration {migration}")]
    Newer {
        /// The file, or the database.
        what: String,
        /// The migration that is unknown.
        migration: String,
    },
    /// The file is a backup, but damaged.
    #[error("{} is damaged: {}", .path.display(), problems.join("; "))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// All that is wrong with it.
        problems: Vec<String>,
    },
    /// The PostgreSQL database holds a chat already.
    #[error("the database is not empty: {0} has rows")]
    NotEmpty(&'static str),
    /// The database can't be worked with.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file can't be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

impl BackupError {
    /// What the operating system says of a file. A full disk is told like the database's own.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                RepositoryError::StorageFull(format!("{}: {source}", path.display())).into()
            }
            _ => Self::Io { path, source },
        }
    }

    /// SQLite tells a file that can't be written like a database that is away; this names the file.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            Self::Open(OpenError::Repository(RepositoryError::Unavailable(text)))
                if text.contains("disk I/O error") =>
            {
                Self::Io { path: path.to_owned(), source: std::io::Error::other(text) }
            }
            other => other,
        }
    }

    pub(super) fn not_a_backup(path: &Path, why: impl Into<String>) -> Self {
        Self::NotABackup { path: path.to_owned(), why: why.into() }
    }
}

impl From<RepositoryError> for BackupError {
    fn from(error: RepositoryError) -> Self {
        Self::Open(error.into())
    }
}

impl From<Error> for BackupError {
    fn from(error: Error) -> Self {
        repository_error(&error).into()
    }
}
