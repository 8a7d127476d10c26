//! The secret of a database's session tokens: a setting, or a file of mode 0600 that is made once in the data folder.

use std::io::{self, Write};
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;

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

    /// Writes a new secret whole: a crash leaves either no file or a good one.
    fn create(path: &Path) -> io::Result<Self> {
        let secret = BASE64URL_NOPAD.encode(&random::<SECRET_BYTES>()?);
        let draft = path.with_extension("new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        Ok(Self(secret))
    }
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
    fn a_secret_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = SecretKey::of_data_dir(folder.path()).unwrap();
        assert!(SecretKey::of_data_dir(folder.path()).unwrap() == made);
        let mode = std::fs::metadata(folder.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(format!("{made:?}"), "SecretKey(…)");
    }
}
