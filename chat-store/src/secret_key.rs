//! The secret of a database's session tokens: a setting, or a file of mode 0600 that is made once in the data folder.

use std::io::{self, Write};
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;

use crate::migrations::private_options;
use crate::tokens::random;

/// The file in the data folder.
const FILE_NAME: &str = "secret_key";
/// Bytes of chance in a secret that is made.
const SECRET_BYTES: usize = 32;

/// The key of the tokens' hashes. `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

impl SecretKey {
    /// Wraps a secret; `None` if there is nothing in it.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        let secret = secret.trim();
        (!secret.is_empty()).then(|| Self(secret.to_owned()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Reads the secret of a data folder, or makes one.
    ///
    /// # Errors
    /// If the file can't be read or written, or there is nothing in it.
    pub fn of_data_dir(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(FILE_NAME);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                Self::new(&text).ok_or_else(|| io::Error::other(format!("{} is empty", path.display())))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(&path),
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }

    /// Writes a new secret whole: a crash leaves either no file or a good one. Of two programs that make one at the same
    /// time the first wins, and both have the same.
    fn create(path: &Path) -> io::Result<Self> {
        let secret = BASE64URL_NOPAD.encode(&random::<SECRET_BYTES>()?);
        let draft = path.with_extension(format!("new-{}", BASE64URL_NOPAD.encode(&random::<6>()?)));
        let made = Self::write(&draft, &secret).and_then(|()| match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            // A file system without hard links.
            Err(error) if is_unsupported(&error) => std::fs::rename(&draft, path),
            made => made,
        });
        let _ = std::fs::remove_file(&draft);
        made.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()?;
        Self::new(&std::fs::read_to_string(path)?)
            .ok_or_else(|| io::Error::other(format!("{} is empty", path.display())))
    }

    fn write(draft: &Path, secret: &str) -> io::Result<()> {
        let mut file = private_options().create_new(true).open(draft)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn programs_that_make_one_at_the_same_time_have_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let make = || SecretKey::create(&folder.path().join(FILE_NAME)).unwrap();
        let made = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let kept = SecretKey::of_data_dir(folder.path()).unwrap();
        assert!(made.iter().all(|made| *made == kept));
    }

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = SecretKey::of_data_dir(folder.path()).unwrap();
        assert!(SecretKey::of_data_dir(folder.path()).unwrap() == made);
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
        let mode = std::fs::metadata(folder.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(format!("{made:?}"), "SecretKey(…)");
    }
}
