//! Migrations: the same names for both backends, embedded, each run once however many processes start together.
//!
//! Diesel takes no lock, so we take one: on SQLite a file beside the database, on PostgreSQL an advisory lock. The
//! system gives it back when its holder dies; a living holder is waited for.

use std::fs::File;
use std::path::Path;

use diesel::backend::Backend as DieselBackend;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationConnection, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::any_connection::{AnyConnection, MultiBackend};
use crate::database_url::{Backend, DatabaseUrl};
use crate::error::OpenError;
use crate::lock_file::{HoldError, beside, hold, of_database};
use crate::opener::{Opener, Purpose};
use crate::options::StoreOptions;
use crate::schema_check::{applied_versions, backend_of, check_not_from_the_future};
use crate::suitability::check_suitable;

const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// The number of PostgreSQL's advisory lock under which migrations run: the letters "chatmigr".
const ADVISORY_LOCK: i64 = 0x6368_6174_6d69_6772;
/// How long a migration waits on PostgreSQL for a lock that running programs hold, in milliseconds. While it waits,
/// everybody else waits behind it.
const LOCK_TIMEOUT_MS: u32 = 10_000;

/// A migration and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its name, or only its number if this program doesn't know it.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
    /// Whether this program knows it; a newer one may have applied more.
    pub known: bool,
}

/// Applies what is missing, and answers the names, oldest first. Makes the SQLite file if there is none.
///
/// # Errors
/// [`OpenError`]; what was applied before the failure stays.
pub fn up(url: &DatabaseUrl, options: &StoreOptions) -> Result<Vec<String>, OpenError> {
    if let Some(path) = url.sqlite_path() {
        make_private(path)?;
    }
    let mut locked = Locked::open(url, options)?;
    let connection = &mut locked.connection;
    check_suitable(connection)?;
    check_not_from_the_future(connection)?;
    apply_pending(connection)
}

/// Applies what is missing on a connection that nobody else competes with.
pub(crate) fn apply_pending(connection: &mut AnyConnection) -> Result<Vec<String>, OpenError> {
    connection.setup()?;
    let applied = applied_versions(connection)?;
    known(backend_of(connection))?
        .into_iter()
        .filter(|migration| !applied.contains(&version(migration)))
        .map(|migration| ended(connection.run_migration(&*migration).map(drop), &migration))
        .collect()
}

/// Takes back the last `steps` migrations, newest first, with all that is stored in what they made; answers the names.
///
/// # Errors
/// [`OpenError`]; what was taken back before the failure stays so. On SQLite [`OpenError::InUse`] if a server runs.
pub fn down(url: &DatabaseUrl, options: &StoreOptions, steps: usize) -> Result<Vec<String>, OpenError> {
    if is_missing(url) {
        return Ok(Vec::new());
    }
    // A server that works on would meet a schema that it doesn't know.
    let _server = url.sqlite_path().map(keep_servers_out).transpose()?;
    let mut locked = Locked::open(url, options)?;
    let connection = &mut locked.connection;
    check_not_from_the_future(connection)?;
    let mut known = known(url.backend())?;
    let mut applied = applied_versions(connection)?;
    applied.sort_unstable();
    let mut names = Vec::new();
    for last in applied.into_iter().rev().take(steps) {
        let place = known.iter().position(|migration| version(migration) == last);
        let migration =
            known.swap_remove(place.ok_or_else(|| OpenError::UnknownMigration { name: last.clone() })?);
        names.push(ended(connection.revert_migration(&*migration).map(drop), &migration)?);
    }
    Ok(names)
}

/// Takes the lock that a server holds as long as it works on a SQLite file.
fn keep_servers_out(path: &Path) -> Result<File, OpenError> {
    let holder = format!("process {}, which takes migrations back", std::process::id());
    let lock = of_database(path);
    hold(&lock, &holder).map_err(|error| match error {
        HoldError::Held { holder } => OpenError::InUse { holder },
        HoldError::Io(error) => OpenError::MigrationLock(format!("{}: {error}", lock.display())),
    })
}

/// Lists the migrations that this program knows and those that were applied, oldest first.
///
/// # Errors
/// [`OpenError`].
pub fn status(url: &DatabaseUrl, options: &StoreOptions) -> Result<Vec<MigrationStatus>, OpenError> {
    let applied = if is_missing(url) {
        Vec::new()
    } else {
        applied_versions(&mut Locked::open(url, options)?.connection)?
    };
    let known = known(url.backend())?;
    let unknown = applied
        .iter()
        .filter(|applied| !known.iter().any(|migration| version(migration) == **applied))
        .map(|name| MigrationStatus { name: name.clone(), applied: true, known: false });
    let mut all: Vec<MigrationStatus> = known
        .iter()
        .map(|migration| MigrationStatus {
            name: migration.name().to_string(),
            applied: applied.contains(&version(migration)),
            known: true,
        })
        .chain(unknown)
        .collect();
    all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

pub(crate) type Known = Box<dyn Migration<MultiBackend>>;

/// The migrations of this program for a backend, oldest first.
pub(crate) fn known(backend: Backend) -> Result<Vec<Known>, OpenError> {
    let mut migrations = match backend {
        Backend::Sqlite => embedded::<MultiBackend>(&SQLITE),
        Backend::Postgres => embedded::<MultiBackend>(&POSTGRES),
    }?;
    migrations.sort_unstable_by_key(version);
    Ok(migrations)
}

/// The names of the migrations of this program for a backend, oldest first.
pub(crate) fn names(backend: Backend) -> Result<Vec<String>, OpenError> {
    Ok(known(backend)?.iter().map(|migration| migration.name().to_string()).collect())
}

fn embedded<DB: DieselBackend>(
    source: &EmbeddedMigrations,
) -> Result<Vec<Box<dyn Migration<DB>>>, OpenError> {
    source.migrations().map_err(|error| OpenError::Unsuitable(format!("no migrations: {error}")))
}

pub(crate) fn version(migration: &Known) -> String {
    migration.name().version().to_string()
}

fn ended(result: diesel::migration::Result<()>, migration: &Known) -> Result<String, OpenError> {
    let name = migration.name().to_string();
    match result {
        Ok(()) => Ok(name),
        Err(error) => Err(OpenError::Migration { name, reason: error.to_string() }),
    }
}

/// A connection under the migration lock. Dropping it gives the lock back.
pub(crate) struct Locked {
    pub(crate) connection: AnyConnection,
    _file: Option<File>,
}

impl Locked {
    pub(crate) fn open(url: &DatabaseUrl, options: &StoreOptions) -> Result<Self, OpenError> {
        let file = url.sqlite_path().map(lock_file).transpose()?;
        let mut connection = Opener::new(url, options, Purpose::Migrate).open()?;
        if let AnyConnection::Postgres(postgres) = &mut connection {
            postgres.batch_execute(&format!(
                "SELECT pg_advisory_lock({ADVISORY_LOCK}); SET lock_timeout = {LOCK_TIMEOUT_MS}"
            ))?;
        }
        Ok(Self { connection, _file: file })
    }
}

fn is_missing(url: &DatabaseUrl) -> bool {
    url.sqlite_path().is_some_and(|path| !path.exists())
}

/// The migration lock of a SQLite file, waited for.
pub(crate) fn lock_file(database: &Path) -> Result<File, OpenError> {
    let path = beside(database, ".migrate.lock");
    let failed = |error| OpenError::MigrationLock(format!("{}: {error}", path.display()));
    let file = private_options().open(&path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Makes the file, so that nobody else on the machine can read it: SQLite gives its other files the same mode.
fn make_private(path: &Path) -> Result<(), OpenError> {
    let made = private_options().open(path);
    made.map(drop).map_err(|error| OpenError::Unsuitable(format!("{}: {error}", path.display())))
}

/// Opens a file for writing, or makes it for its owner alone.
pub(crate) fn private_options() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
