//! Files that one program holds locked while it works. The system gives a lock back when its holder dies.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::migrations::private_options;

/// What the lock of a database file has behind the database's name.
const DATABASE_LOCK_SUFFIX: &str = ".server.lock";

/// How often a lock is tried for, at most, and how long after the last time: a holder that was killed a moment ago may
/// not be gone yet.
const TRIES_MAX: u32 = 15;
const TRY_INTERVAL: Duration = Duration::from_millis(20);
/// How often the name of a lock's holder is read, at most, and how long after the last time.
const NAME_READS_MAX: u32 = 50;
const NAME_READ_INTERVAL: Duration = Duration::from_millis(20);

/// Why a lock could not be taken.
#[derive(Debug, Error)]
pub enum HoldError {
    /// Another program has it.
    #[error("it is held by {holder}")]
    Held {
        /// What the other program wrote of itself.
        holder: String,
    },
    /// The file can't be made or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The file that a server holds as long as it works on a SQLite file, and a restore while it replaces that file.
#[must_use]
pub fn of_database(database: &Path) -> PathBuf {
    beside(database, DATABASE_LOCK_SUFFIX)
}

/// Locks a file without waiting for another program's work, and writes into it who holds it. Dropping what this returns gives the lock back.
///
/// # Errors
/// [`HoldError`] names who holds it.
pub fn hold(path: &Path, holder: &str) -> Result<File, HoldError> {
    let mut file = private_options().read(true).open(path)?;
    let mut tries = 1;
    while let Err(error) = file.try_lock() {
        match error {
            TryLockError::WouldBlock if tries < TRIES_MAX => pause(TRY_INTERVAL),
            TryLockError::WouldBlock => return Err(HoldError::Held { holder: name_of_holder(&mut file)? }),
            TryLockError::Error(error) => return Err(error.into()),
        }
        tries += 1;
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{holder}")?;
    Ok(file)
}

/// What the holder wrote of itself. Of one that has just taken the lock nothing stands there yet, or still the name of
/// the one before: a name counts that stays.
fn name_of_holder(file: &mut File) -> std::io::Result<String> {
    let mut before = String::new();
    for _ in 0..NAME_READS_MAX {
        let mut name = String::new();
        file.rewind()?;
        file.read_to_string(&mut name)?;
        if name.ends_with('\n') && name == before {
            break;
        }
        before = name;
        pause(NAME_READ_INTERVAL);
    }
    Ok(before.trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "nothing tells what another program has done")]
fn pause(interval: Duration) {
    std::thread::sleep(interval);
}

/// A file in the same folder, whose name goes on after that of the first.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_taken_whose_holder_is_just_going() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = hold(&path, "the first").unwrap();
        let going = std::thread::spawn(move || {
            pause(TRY_INTERVAL * 3);
            drop(first);
        });
        assert!(hold(&path, "the second").is_ok());
        going.join().unwrap();
    }
}
