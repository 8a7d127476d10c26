//! The server's secrets: `SECRET_KEY`, or a file of mode 0600 that is made once in the data folder; the token of `/metrics`.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::random;

/// The file in the data folder.
const FILE_NAME: &str = "secret_key";

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
    pub(crate) fn of_data_dir(data_dir: &Path) -> std::io::Result<Self> {
        let path = data_dir.join(FILE_NAME);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                Self::new(&text).ok_or_else(|| std::io::Error::other(format!("{} is empty", path.display())))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::create(&path),
            Err(error) => Err(std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }

    /// Writes a new secret whole: a crash leaves either no file or a good one.
    fn create(path: &Path) -> std::io::Result<Self> {
        let secret = BASE64URL_NOPAD.encode(&random::bytes::<32>()?);
        let draft = path.with_extension("new");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        Ok(Self(secret))
    }
}

/// The token that opens `/metrics`. `Debug` doesn't show it.
#[derive(Clone)]
pub struct MetricsToken(String);

impl MetricsToken {
    /// Wraps a token; `None` if there is nothing in it.
    #[must_use]
    pub fn new(token: &str) -> Option<Self> {
        let token = token.trim();
        (!token.is_empty()).then(|| Self(token.to_owned()))
    }

    /// Whether a given token is this one. How long that takes says nothing of how much of it is right.
    pub(crate) fn is(&self, given: &str) -> bool {
        let digest = |text: &str| {
            let mac = Hmac::<Sha256>::new_from_slice(b"the token of /metrics").ok()?;
            Some(mac.chain_update(text.as_bytes()).finalize())
        };
        // Compared as the library compares digests: in constant time.
        digest(given).is_some_and(|given| digest(&self.0) == Some(given))
    }
}

impl std::fmt::Debug for MetricsToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsToken(…)")
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
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

    #[test]
    fn only_the_whole_token_opens_the_metrics() {
        let token = MetricsToken::new(" a long token\n").unwrap();
        assert!(token.is("a long token"));
        for other in ["", "a", "a long toke", "a long token ", "a long tokens", "A long token"] {
            assert!(!token.is(other), "{other:?}");
        }
        assert_eq!(format!("{token:?}"), "MetricsToken(…)");
        assert!(MetricsToken::new(" ").is_none());
    }
}
