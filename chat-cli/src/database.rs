//! Which database is meant, and opening it: a command that must not make one never does.

use std::fs::DirBuilder;
use std::path::PathBuf;

use chat_domain::Repository;
use chat_store::backup::BackupError;
use chat_store::migrations::{self, MigrationStatus};
use chat_store::{Backend, DatabaseUrl, DatabaseUrlError, Store, StoreOptions};

use crate::args::Global;
use crate::error::CliError;
use crate::settings::secret_setting;

/// The name of the SQLite file in the data folder.
const FILE_NAME: &str = "chat.db";
/// Connections that read: a command does one thing after the other.
const READERS: u32 = 1;

/// A database that may or may not exist.
#[derive(Debug)]
pub(crate) struct Database {
    url: DatabaseUrl,
    options: StoreOptions,
    /// The folder to be made for a new SQLite file; where a URL names the file, its folder must exist.
    data_dir: Option<PathBuf>,
}

/// A database that has all its migrations.
#[derive(Debug)]
pub(crate) struct OpenDatabase(Store);

impl Database {
    /// Finds out which database is meant: flag, then environment, then the file that the environment names, then
    /// the data folder.
    pub(crate) fn locate(global: &Global) -> Result<Self, CliError> {
        let options = StoreOptions { readers: READERS, ..StoreOptions::default() };
        Ok(match named_url(global)? {
            Some(url) => Self { url: url.trim().parse()?, options, data_dir: None },
            None => {
                let url = DatabaseUrl::sqlite_file(&global.data_dir.join(FILE_NAME));
                Self { url, options, data_dir: Some(global.data_dir.clone()) }
            }
        })
    }

    /// Opens a database that exists and has all its migrations.
    pub(crate) fn open_migrated(&self) -> Result<OpenDatabase, CliError> {
        self.require()?;
        Ok(OpenDatabase(Store::open(&self.url, &self.options)?))
    }

    /// Complains of a SQLite file that doesn't exist.
    pub(crate) fn require(&self) -> Result<(), CliError> {
        match self.url.sqlite_path() {
            Some(path) if !path.exists() => Err(CliError::NoDatabase(path.display().to_string())),
            _ => Ok(()),
        }
    }

    /// Applies all pending migrations; makes the SQLite file. Returns the migrations' names.
    pub(crate) fn migrate_up(&self) -> Result<Vec<String>, CliError> {
        self.make_folder()?;
        Ok(migrations::up(&self.url, &self.options)?)
    }

    /// Makes the data folder, if the database lies in it.
    pub(crate) fn make_folder(&self) -> Result<(), CliError> {
        if let Some(data_dir) = &self.data_dir {
            private_folder().create(data_dir).map_err(|error| {
                let what = format!("could not make the data folder {}: {error}", data_dir.display());
                CliError::failed(what, "name another with --data-dir")
            })?;
        }
        Ok(())
    }

    /// Takes the last migrations back. Returns their names, newest first.
    pub(crate) fn migrate_down(&self, steps: usize) -> Result<Vec<String>, CliError> {
        Ok(migrations::down(&self.url, &self.options, steps)?)
    }

    /// Lists the migrations, oldest first.
    pub(crate) fn migrations(&self) -> Result<Vec<MigrationStatus>, CliError> {
        Ok(migrations::status(&self.url, &self.options)?)
    }
}

impl Database {
    /// Runs what opens the database in its own way.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&DatabaseUrl, &StoreOptions) -> Result<T, BackupError>,
    ) -> Result<T, CliError> {
        Ok(work(&self.url, &self.options)?)
    }

    /// What kind of database it is, for programs.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.url.backend() {
            Backend::Sqlite => "sqlite",
            Backend::Postgres => "postgres",
        }
    }

    /// Whether several programs on several machines may work on it, none of which has the data folder.
    pub(crate) fn is_shared(&self) -> bool {
        self.url.backend() == Backend::Postgres
    }

    /// A file beside the SQLite file, whose name goes on after that one's.
    pub(crate) fn file_beside(&self, suffix: &str) -> Option<PathBuf> {
        let mut name = self.url.sqlite_path()?.as_os_str().to_owned();
        name.push(suffix);
        Some(PathBuf::from(name))
    }
}

impl OpenDatabase {
    /// The store itself, to be measured.
    #[cfg(target_os = "linux")]
    pub(crate) const fn store(&self) -> &Store {
        &self.0
    }

    /// Reads one snapshot.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        self.0.read(work)
    }

    /// Changes something in one transaction, repeated where somebody else was faster.
    pub(crate) fn write<T>(
        &self,
        work: impl FnMut(&mut dyn Repository) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        self.0.write_retrying(work)
    }
}

impl From<DatabaseUrlError> for CliError {
    fn from(error: DatabaseUrlError) -> Self {
        Self::usage(error.to_string(), "correct --database-url, DATABASE_URL or DATABASE_URL_FILE")
    }
}

fn named_url(global: &Global) -> Result<Option<String>, CliError> {
    match &global.database_url {
        Some(url) => Ok(Some(url.clone())),
        None => secret_setting("DATABASE_URL"),
    }
}

/// Makes folders that only their owner can enter.
fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
