//! Files that appear whole or not at all, and opening those that are backups.

use std::fs::{File, TryLockError};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::any_connection::AnyConnection;
use crate::backup::error::BackupError;
use crate::error::connection_error;
use crate::lock_file::beside;
use crate::migrations::private_options;
use crate::opener::{open_sqlite, sqlite_uri};

/// With what every SQLite file begins (<https://sqlite.org/fileformat2.html#the_database_header>).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How long the header of a SQLite file is, in bytes.
const HEADER_BYTES: usize = 100;
/// Where the header names the versions for who writes and for who reads.
const FORMAT_VERSIONS: std::ops::Range<usize> = 18..20;
/// The highest version of the format that is written.
const FORMAT_VERSION_MAX: u8 = 2;
/// Files that hold a part of a database that was not closed in an orderly way.
const SQLITE_SIDE_FILES: [&str; 2] = ["-wal", "-journal"];

/// A file that is made under a temporary name in the folder of its target, private to its owner. One that a killed
/// program left behind is made anew by the next one; while a program works on it, it is locked.
pub(super) struct Partial {
    path: PathBuf,
    target: PathBuf,
    is_done: bool,
    lock: File,
}

impl Partial {
    /// Begins an empty file. `suffix` says what for.
    pub(super) fn begin(target: &Path, suffix: &str) -> Result<Self, BackupError> {
        let target = std::path::absolute(target).map_err(BackupError::io(target))?;
        let path = beside(&target, suffix);
        let lock = private_options().read(true).open(&path).map_err(BackupError::io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::Busy(path)),
            Err(TryLockError::Error(error)) => return Err(BackupError::io(&path)(error)),
        }
        // Whoever held it until now may have finished, and then the lock is on the finished file.
        let named = std::fs::metadata(&path).map(|named| named.ino()).ok();
        let held = lock.metadata().map_err(BackupError::io(&path))?;
        if named != Some(held.ino()) {
            return Err(BackupError::Busy(path));
        }
        lock.set_len(0).map_err(BackupError::io(&path))?;
        for suffix in SQLITE_SIDE_FILES {
            remove(&beside(&path, suffix))?;
        }
        Ok(Self { path, target, is_done: false, lock })
    }

    /// Where the file is while it is made.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it a copy of another file.
    pub(super) fn fill_from(&mut self, file: &Path) -> Result<(), BackupError> {
        let mut from = File::open(file).map_err(BackupError::io(file))?;
        std::io::copy(&mut from, &mut self.lock).map(drop).map_err(BackupError::io(&self.path))
    }

    /// Gives it the owner of another file: a restore may be run by another user than the server.
    pub(super) fn take_owner_of(&self, file: &Path) -> Result<(), BackupError> {
        let theirs = std::fs::metadata(file).map_err(BackupError::io(file))?;
        let own = self.lock.metadata().map_err(BackupError::io(&self.path))?;
        if (own.uid(), own.gid()) == (theirs.uid(), theirs.gid()) {
            return Ok(());
        }
        std::os::unix::fs::fchown(&self.lock, Some(theirs.uid()), Some(theirs.gid()))
            .map_err(BackupError::io(&self.path))
    }

    /// Brings the file to the disk.
    fn sync(&self) -> Result<(), BackupError> {
        self.lock.sync_all().map_err(BackupError::io(&self.path))
    }

    /// Brings the file to the disk and gives it its name, in place of what has that name.
    pub(super) fn finish(mut self) -> Result<(), BackupError> {
        self.sync()?;
        std::fs::rename(&self.path, &self.target).map_err(BackupError::io(&self.target))?;
        self.is_done = true;
        sync_folder(&self.target)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_done {
            // What stays is made anew by the next program.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Brings the names in the folder of a file to the disk.
pub(super) fn sync_folder(file: &Path) -> Result<(), BackupError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::io(folder))
}

/// Removes a file if it is there.
pub(super) fn remove(path: &Path) -> Result<(), BackupError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(BackupError::io(path)(error)),
        _ => Ok(()),
    }
}

/// Whether two names are of one file.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    id(one).is_some_and(|one| Some(one) == id(other))
}

/// Opens a SQLite file for reading without touching it; refuses by name what can't be one.
pub(super) fn open_backup(path: &Path) -> Result<AnyConnection, BackupError> {
    check_header(path)?;
    // `immutable`: nothing beside the file is read or made, so that a backup on a read-only medium can be read too.
    open(path, "mode=ro&immutable=1")
}

/// Opens a file that only this program knows. Nothing needs to survive a crash before [`Partial::finish`].
pub(super) fn open_partial(path: &Path) -> Result<AnyConnection, BackupError> {
    use diesel::connection::SimpleConnection;
    let mut connection = open(path, "mode=rw")?;
    connection.batch_execute("PRAGMA journal_mode = MEMORY")?;
    connection.batch_execute("PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON")?;
    Ok(connection)
}

fn open(path: &Path, parameters: &str) -> Result<AnyConnection, BackupError> {
    let opened = open_sqlite(&sqlite_uri(path, parameters));
    Ok(AnyConnection::Sqlite(opened.map_err(|error| connection_error(&error))?))
}

fn check_header(path: &Path) -> Result<(), BackupError> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => BackupError::NoFile(path.to_owned()),
        _ => BackupError::io(path)(error),
    })?;
    let metadata = file.metadata().map_err(BackupError::io(path))?;
    let no = |why: String| Err(BackupError::not_a_backup(path, why));
    if !metadata.is_file() {
        return no("it is no file".to_owned());
    }
    if metadata.len() == 0 {
        return no("it is empty".to_owned());
    }
    let mut header = Vec::new();
    let header_bytes = u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX);
    file.by_ref().take(header_bytes).read_to_end(&mut header).map_err(BackupError::io(path))?;
    if !header.starts_with(MAGIC) {
        return no("it is no SQLite file".to_owned());
    }
    let expected = file_bytes(&header).unwrap_or(u64::MAX);
    if metadata.len() < expected {
        return no(format!("it is truncated: it has {} bytes and says {expected}", metadata.len()));
    }
    if header.get(FORMAT_VERSIONS).is_none_or(|versions| versions.iter().any(|&one| one > FORMAT_VERSION_MAX))
    {
        return no("it is of a newer SQLite format, which can only be read".to_owned());
    }
    match SQLITE_SIDE_FILES.into_iter().find(|suffix| is_filled(&beside(path, suffix))) {
        None => Ok(()),
        Some(suffix) => no(format!(
            "it is a database in use, or one that was not closed: a part of it is in the file {suffix} beside it"
        )),
    }
}

/// How long a SQLite file says that it is.
fn file_bytes(header: &[u8]) -> Option<u64> {
    let page_size = u16::from_be_bytes(header.get(16..18)?.try_into().ok()?);
    let pages = u32::from_be_bytes(header.get(28..32)?.try_into().ok()?);
    header.get(HEADER_BYTES - 1)?;
    let page_bytes = if page_size == 1 { 65_536 } else { u64::from(page_size) };
    Some(page_bytes * u64::from(pages))
}

fn is_filled(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
}
