//! The data folder and the file of an embedded database: one server each.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use chat_store::lock_file::{self, HoldError};
use thiserror::Error;

/// The file in the data folder that is locked while a server runs; it names the server.
const LOCK_NAME: &str = "server.lock";

/// Holds the data folder and the database file for this server until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDirLock {
    _files: [File; 2],
}

/// Why the data folder can't be used.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// Another server has it.
    #[error("{} is in use by another chat-server ({holder}); a data folder and a database file have one server", .path.display())]
    InUse {
        /// The folder or file.
        path: PathBuf,
        /// What the other server wrote of itself.
        holder: String,
    },
    /// The folder can't be made or written.
    #[error("the data folder {}: {source}", .path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

impl DataDirLock {
    /// Makes the folder if need be, readable by its owner only, and locks it and the database file.
    pub(crate) fn take(folder: &Path, database: &Path) -> Result<Self, DataDirError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| DataDirError::Io { path: folder.to_owned(), source })?;
        let folder_lock = lock(folder, &folder.join(LOCK_NAME))?;
        let database_lock = lock(database, &lock_file::of_database(database))?;
        Ok(Self { _files: [folder_lock, database_lock] })
    }
}

/// Locks a file and writes into it who holds it.
fn lock(what: &Path, path: &Path) -> Result<File, DataDirError> {
    lock_file::hold(path, &format!("process {}", std::process::id())).map_err(|error| match error {
        HoldError::Held { holder } => DataDirError::InUse { path: what.to_owned(), holder },
        HoldError::Io(source) => DataDirError::Io { path: path.to_owned(), source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_told_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let (data, other) = (folder.path().join("data"), folder.path().join("other"));
        let (database, another) = (data.join("chat.db"), other.join("chat.db"));
        let first = DataDirLock::take(&data, &database).unwrap();
        let named = format!("process {}", std::process::id());
        for (folder, database) in [(&data, &another), (&other, &database)] {
            let error = DataDirLock::take(folder, database).unwrap_err();
            assert!(error.to_string().contains(&named), "{error}");
        }
        drop(first);
        assert!(DataDirLock::take(&other, &database).is_ok());
    }
}
