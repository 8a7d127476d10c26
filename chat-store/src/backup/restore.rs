//! Restoring a backup: what both backends have in common.

use std::path::{Path, PathBuf};

use diesel::prelude::*;

use crate::any_connection::AnyConnection;
use crate::backup::Progress;
use crate::backup::contents::Contents;
use crate::backup::error::BackupError;
use crate::backup::restore_postgres::restore_postgres;
use crate::backup::restore_sqlite::restore_sqlite;
use crate::backup::verify::require_whole;
use crate::control::new_epoch;
use crate::database_url::DatabaseUrl;
use crate::options::StoreOptions;
use crate::schema::{chat_meta, chat_participant, chat_session};

/// How to restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// What becomes of the sessions in the backup.
    pub sessions: Sessions,
    /// What becomes of a SQLite file that is replaced.
    pub old: OldFile,
}

/// What becomes of the sessions in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// Everybody signs in again: a session that was ended after the backup must not come back to life.
    Drop,
    /// Who was signed in when the backup was made is so again.
    Keep,
}

/// What becomes of a SQLite file that is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OldFile {
    /// It is kept under this name, in the same folder.
    KeepAs(PathBuf),
    /// It is lost.
    Lose,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the database holds now, with its new epoch.
    pub contents: Contents,
    /// Where the old SQLite file is kept.
    pub kept: Option<PathBuf>,
}

/// Puts a backup in the place of a SQLite file that nobody uses, or into an empty PostgreSQL database. The epoch
/// becomes another one in the same transaction, so that clients drop what they hold.
///
/// # Errors
/// [`BackupError`]; the database is as it was then.
pub fn restore(
    file: &Path,
    url: &DatabaseUrl,
    options: &StoreOptions,
    request: &Restore,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, BackupError> {
    // Before anything is locked or made.
    require_whole(file)?;
    match url.sqlite_path() {
        Some(database) => restore_sqlite(file, database, request, progress),
        None => restore_postgres(file, url, options, request, progress),
    }
}

/// Ends a restore, in its transaction.
pub(super) fn end(connection: &mut AnyConnection, sessions: Sessions) -> Result<(), BackupError> {
    diesel::update(chat_meta::table).set(chat_meta::epoch.eq(new_epoch()?)).execute(connection)?;
    diesel::update(chat_participant::table)
        .filter(chat_participant::is_online.eq(true))
        .set(chat_participant::is_online.eq(false))
        .execute(connection)?;
    if sessions == Sessions::Drop {
        diesel::delete(chat_session::table).execute(connection)?;
    }
    Ok(())
}
