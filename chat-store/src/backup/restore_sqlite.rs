//! Restoring in place of a SQLite file: made beside it, then renamed.

use std::path::Path;

use chat_domain::RepositoryError;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::backup::Progress;
use crate::backup::contents::Contents;
use crate::backup::error::BackupError;
use crate::backup::file::{Partial, is_same, open_partial, remove, sync_folder};
use crate::backup::restore::{OldFile, Restore, Restored, end};
use crate::error::{connection_error, repository_error};
use crate::lock_file::{HoldError, beside, hold, of_database};
use crate::migrations::{apply_pending, lock_file};
use crate::opener::{open_sqlite, sqlite_uri};

/// What the new file has behind the database's name until it takes its place.
const RESTORING_SUFFIX: &str = ".restoring";
/// How long another program may take to close the database, in milliseconds.
const CLOSE_WAIT_MS: u32 = 2_500;

/// What the log and the journal beside the old file hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SideFiles {
    /// Nothing that is not in the file too.
    Spent,
    /// A part of the file that SQLite could not bring into it.
    Needed,
}

/// Restores a backup that was verified.
pub(super) fn restore_sqlite(
    file: &Path,
    database: &Path,
    request: &Restore,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, BackupError> {
    if is_same(file, database) {
        return Err(BackupError::IsDatabase(file.to_owned()));
    }
    let holder = format!("process {}, which restores a backup", std::process::id());
    let _server = hold(&of_database(database), &holder).map_err(|error| match error {
        HoldError::Held { holder } => BackupError::ServerRuns { path: database.to_owned(), holder },
        HoldError::Io(source) => BackupError::io(&of_database(database))(source),
    })?;
    let _migrations = lock_file(database)?;
    let mut partial = Partial::begin(database, RESTORING_SUFFIX)?;
    progress(Progress::Whole);
    partial.fill_from(file)?;
    let contents = prepare(&partial, request)?;
    // Held until the new file has the name, so that nobody works on the old one meanwhile.
    let old = close_for_others(database)?;
    let kept = match &request.old {
        OldFile::KeepAs(name) if database.exists() => Some(name.clone()),
        _ => None,
    };
    if database.exists() {
        partial.take_owner_of(database)?;
    }
    set_aside(database, kept.as_deref(), if old.is_some() { SideFiles::Spent } else { SideFiles::Needed })?;
    partial.finish()?;
    drop(old);
    Ok(Restored { contents, kept })
}

/// Brings the copy to the schema of this program and gives it its new epoch.
fn prepare(partial: &Partial, request: &Restore) -> Result<Contents, BackupError> {
    let mut connection = open_partial(partial.path())?;
    apply_pending(&mut connection)?;
    connection.batch_execute("BEGIN IMMEDIATE")?;
    end(&mut connection, request.sessions)?;
    let contents = Contents::of(&mut connection)?;
    connection.batch_execute("COMMIT")?;
    Ok(contents)
}

/// Brings all that is in the write-ahead log into the database file, and locks it against everybody. `None` if there
/// is no file, or one that SQLite can't read: then its parts are set aside as they are.
fn close_for_others(database: &Path) -> Result<Option<SqliteConnection>, BackupError> {
    if !database.exists() {
        return Ok(None);
    }
    let opened = open_sqlite(&sqlite_uri(database, "mode=rw"));
    let mut connection = opened.map_err(|error| connection_error(&error))?;
    let statements = [
        &format!("PRAGMA busy_timeout = {CLOSE_WAIT_MS}"),
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA journal_mode = DELETE",
        "BEGIN EXCLUSIVE",
    ];
    let locked = statements.iter().try_for_each(|statement| connection.batch_execute(statement));
    match locked.map_err(|error| repository_error(&error)) {
        Ok(()) => Ok(Some(connection)),
        Err(RepositoryError::Corrupt(_)) => Ok(None),
        Err(RepositoryError::Unavailable(text)) if text.contains("locked") => {
            Err(BackupError::OpenElsewhere(database.to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Gives the old file a second name under which it stays, or none. Its log and its journal go too, because SQLite would
/// take them for the new file's.
fn set_aside(database: &Path, kept: Option<&Path>, side_files: SideFiles) -> Result<(), BackupError> {
    if let Some(kept) = kept {
        std::fs::hard_link(database, kept).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => BackupError::Exists(kept.to_owned()),
            _ => BackupError::io(kept)(error),
        })?;
    }
    for suffix in ["-wal", "-journal"] {
        let part = beside(database, suffix);
        match kept {
            Some(kept) if part.exists() && side_files == SideFiles::Needed => {
                std::fs::rename(&part, beside(kept, suffix)).map_err(BackupError::io(&part))?;
            }
            _ => remove(&part)?,
        }
    }
    remove(&beside(database, "-shm"))?;
    sync_folder(database)
}
