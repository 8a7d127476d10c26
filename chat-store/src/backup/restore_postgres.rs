//! Restoring into an empty PostgreSQL database, in one transaction.

use std::path::Path;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Bool;

use crate::any_connection::{AnyConnection, on_backend};
use crate::backup::Progress;
use crate::backup::check_schema::{Age, age, check_known};
use crate::backup::contents::Contents;
use crate::backup::copy::{COPIED, copy_all};
use crate::backup::error::BackupError;
use crate::backup::file::{Partial, open_backup, open_partial};
use crate::backup::restore::{Restore, Restored, end};
use crate::database_url::DatabaseUrl;
use crate::error::commit_error;
use crate::migrations::{Locked, apply_pending};
use crate::opener::Purpose;
use crate::options::StoreOptions;
use crate::schema_check::has_table;
use crate::suitability::check_suitable;
use crate::transaction;

/// What the copy of an older backup has behind its name while it is brought up to date.
const MIGRATING_SUFFIX: &str = ".migrating";

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// Restores a backup that was verified.
pub(super) fn restore_postgres(
    file: &Path,
    url: &DatabaseUrl,
    options: &StoreOptions,
    request: &Restore,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, BackupError> {
    let mut locked = Locked::open(url, options)?;
    let database = &mut locked.connection;
    check_suitable(database)?;
    check_known(database, "the database")?;
    refuse_filled(database)?;
    let mut source = Source::open(file)?;
    apply_pending(database)?;
    transaction::begin(database, Purpose::Write)?;
    // Nobody adds a room between the look and the copy.
    database.batch_execute(&format!("LOCK TABLE chat_meta, {} IN EXCLUSIVE MODE", COPIED.join(", ")))?;
    refuse_filled(database)?;
    copy_all(&mut source.connection, database, progress)?;
    end(database, request.sessions)?;
    let contents = Contents::of(database)?;
    on_backend!(database, |c| AnsiTransactionManager::commit_transaction(c))
        .map_err(|error| commit_error(&error))?;
    Ok(Restored { contents, kept: None })
}

fn refuse_filled(database: &mut AnyConnection) -> Result<(), BackupError> {
    for table in COPIED {
        if !has_table(database, table)? {
            continue;
        }
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {table}) AS found");
        let found: Found = on_backend!(database, |c| sql_query(sql).get_result(c))?;
        if found.found {
            return Err(BackupError::NotEmpty(table));
        }
    }
    Ok(())
}

/// A backup with the schema of this program: the file itself, or a copy of an older one that was brought up to date.
struct Source {
    connection: AnyConnection,
    _copy: Option<Partial>,
}

impl Source {
    fn open(file: &Path) -> Result<Self, BackupError> {
        let mut connection = open_backup(file)?;
        if age(&mut connection)? == Age::Current {
            return Ok(Self { connection, _copy: None });
        }
        let mut copy = Partial::begin(file, MIGRATING_SUFFIX)?;
        copy.fill_from(file)?;
        let mut connection = open_partial(copy.path())?;
        apply_pending(&mut connection)?;
        Ok(Self { connection, _copy: Some(copy) })
    }
}
