//! The data folder of an embedded database: one server each.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The file that is locked while a server runs; it names the server.
const LOCK_NAME: &str = "server.lock";

/// Holds the data folder for this server until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDirLock {
    _file: File,
}

/// Why the data folder can't be used.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// Another server has it.
    #[error("the data folder {} is in use by another chat-server ({holder}); one folder has one server", .path.display())]
    InUse {
        /// The folder.
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
    /// Makes the folder if need be, and locks it.
    pub(crate) fn take(path: &Path) -> Result<Self, DataDirError> {
        let io = |source| DataDirError::Io { path: path.to_owned(), source };
        std::fs::create_dir_all(path).map_err(io)?;
        let mut options = File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(LOCK_NAME))
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(io)?;
                return Err(DataDirError::InUse { path: path.to_owned(), holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "process {}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_told_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDirLock::take(folder.path()).unwrap();
        let error = DataDirLock::take(folder.path()).unwrap_err();
        let named = format!("process {}", std::process::id());
        assert!(error.to_string().contains(&named), "{error}");
        drop(first);
        assert!(DataDirLock::take(folder.path()).is_ok());
    }
}
