//! The data folder and the file of an embedded database: one server each.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The file in the data folder that is locked while a server runs; it names the server.
const LOCK_NAME: &str = "server.lock";
/// What the lock of a database file has behind the database's name.
const DATABASE_LOCK_SUFFIX: &str = ".server.lock";

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
        let mut lock_name = database.as_os_str().to_owned();
        lock_name.push(DATABASE_LOCK_SUFFIX);
        let folder_lock = lock(folder, &folder.join(LOCK_NAME))?;
        let database_lock = lock(database, Path::new(&lock_name))?;
        Ok(Self { _files: [folder_lock, database_lock] })
    }
}

/// Locks a file and writes into it who holds it.
fn lock(what: &Path, path: &Path) -> Result<File, DataDirError> {
    let io = |source| DataDirError::Io { path: path.to_owned(), source };
    let mut options = File::options();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(io)?;
            return Err(DataDirError::InUse { path: what.to_owned(), holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(io(source)),
    }
    file.set_len(0).map_err(io)?;
    file.rewind().map_err(io)?;
    writeln!(file, "process {}", std::process::id()).map_err(io)?;
    Ok(file)
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
