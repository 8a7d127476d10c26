//! Making a backup beside a running server.

use std::path::Path;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use crate::any_connection::{AnyConnection, on_backend};
use crate::backup::Progress;
use crate::backup::check_schema::check_exact;
use crate::backup::contents::Contents;
use crate::backup::copy::copy_all;
use crate::backup::error::BackupError;
use crate::backup::file::{Partial, is_same, open_backup, open_partial};
use crate::database_url::{Backend, DatabaseUrl};
use crate::lock_file::beside;
use crate::migrations::apply_pending;
use crate::opener::{Opener, Purpose};
use crate::options::StoreOptions;
use crate::transaction;

/// What a backup's file has behind its name while it is made.
const PARTIAL_SUFFIX: &str = ".partial";

/// What becomes of a file that has the backup's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and no backup is made.
    Refuse,
    /// The backup takes its place once it is whole.
    Replace,
}

/// Writes all that the database held at one moment into a file. Everything that was committed before is in it; who
/// works on the database meanwhile is not held up.
///
/// # Errors
/// [`BackupError`]; there is no new file then, and an old one is as it was.
pub fn create(
    url: &DatabaseUrl,
    options: &StoreOptions,
    file: &Path,
    existing: Existing,
    progress: &mut dyn FnMut(Progress),
) -> Result<Contents, BackupError> {
    if url.sqlite_path().is_some_and(|database| belongs_to(database, file)) {
        return Err(BackupError::IsDatabase(file.to_owned()));
    }
    refuse_existing(file, existing)?;
    let partial = Partial::begin(file, PARTIAL_SUFFIX)?;
    let copied = match url.backend() {
        Backend::Sqlite => copy_sqlite(url, options, partial.path(), progress),
        Backend::Postgres => copy_postgres(url, options, partial.path(), progress),
    };
    copied.map_err(|error| error.at(partial.path()))?;
    let contents = Contents::of(&mut open_backup(partial.path())?)?;
    refuse_existing(file, existing)?;
    partial.finish()?;
    Ok(contents)
}

fn belongs_to(database: &Path, file: &Path) -> bool {
    ["", "-wal", "-shm", "-journal"].iter().any(|suffix| is_same(&beside(database, suffix), file))
}

fn refuse_existing(file: &Path, existing: Existing) -> Result<(), BackupError> {
    if existing == Existing::Refuse && file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    Ok(())
}

/// SQLite copies itself, in one read transaction, without the pages that are free.
fn copy_sqlite(
    url: &DatabaseUrl,
    options: &StoreOptions,
    partial: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BackupError> {
    let path = partial.to_str().ok_or_else(|| BackupError::not_a_backup(partial, "its name is not UTF-8"))?;
    // Not `Read`, under which SQLite refuses to write into any file at all.
    let mut database = Opener::new(url, options, Purpose::Write).open()?;
    check_exact(&mut database)?;
    progress(Progress::Whole);
    on_backend!(&mut database, |c| sql_query("VACUUM INTO ?").bind::<Text, _>(path).execute(c))?;
    Ok(())
}

/// PostgreSQL is read page by page in one snapshot.
fn copy_postgres(
    url: &DatabaseUrl,
    options: &StoreOptions,
    partial: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BackupError> {
    let mut file = open_partial(partial)?;
    apply_pending(&mut file)?;
    let mut database = Opener::new(url, options, Purpose::Read).open()?;
    transaction::begin(&mut database, Purpose::Read)?;
    check_exact(&mut database)?;
    file.batch_execute("BEGIN")?;
    copy_all(&mut database, &mut file, progress)?;
    file.batch_execute("COMMIT")?;
    end(&mut database)
}

fn end(database: &mut AnyConnection) -> Result<(), BackupError> {
    Ok(on_backend!(database, |c| AnsiTransactionManager::rollback_transaction(c))?)
}
