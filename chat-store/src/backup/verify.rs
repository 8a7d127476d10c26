//! Looking whether a backup is whole.

use std::path::Path;

use chat_domain::RepositoryError;

use crate::any_connection::AnyConnection;
use crate::backup::check_rooms::{damage, problems};
use crate::backup::check_schema::{check_known, missing};
use crate::backup::contents::Contents;
use crate::backup::error::BackupError;
use crate::backup::file::open_backup;
use crate::error::OpenError;
use crate::schema_check::applied_versions;

/// What a look at a backup came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it holds; `None` if it is too damaged to be counted.
    pub contents: Option<Contents>,
    /// All that is wrong with it, one line each.
    pub problems: Vec<String>,
}

/// Reads a backup from end to end: SQLite's pages and indexes, the schema, the numbers of each room, counters,
/// references. Changes nothing.
///
/// # Errors
/// [`BackupError`] if the file is no backup, or one of a newer program. What is wrong with a backup is no error.
pub fn verify(file: &Path) -> Result<Verified, BackupError> {
    let mut connection = open_backup(file)?;
    let mut found = Vec::new();
    let read = examine(file, &mut connection, &mut found);
    let contents = noted(read.and_then(|()| Contents::of(&mut connection)), &mut found)?;
    Ok(Verified { contents, problems: found })
}

/// Refuses a backup that is not whole.
pub(super) fn require_whole(file: &Path) -> Result<(), BackupError> {
    let Verified { contents, problems } = verify(file)?;
    if contents.is_some() && problems.is_empty() {
        return Ok(());
    }
    Err(BackupError::Damaged { path: file.to_owned(), problems })
}

/// From the pages up to what they mean; ends where nothing further can be read.
fn examine(file: &Path, connection: &mut AnyConnection, found: &mut Vec<String>) -> Result<(), BackupError> {
    if applied_versions(connection)?.is_empty() {
        return Err(BackupError::not_a_backup(file, "it holds no chat"));
    }
    check_known(connection, &file.display().to_string())?;
    found.extend(damage(connection)?);
    found.extend(missing(connection)?);
    found.extend(problems(connection)?);
    Ok(())
}

/// What SQLite can't read is a problem of the file.
fn noted<T>(read: Result<T, BackupError>, found: &mut Vec<String>) -> Result<Option<T>, BackupError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(BackupError::Open(OpenError::Repository(
            RepositoryError::Corrupt(why) | RepositoryError::Internal(why),
        ))) => {
            found.push(format!("it can't be read further: {why}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
