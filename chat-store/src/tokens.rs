//! Session tokens: 256 random bits for the client, a keyed hash of them for the store.

use std::io;

use chat_domain::TokenHash;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret_key::SecretKey;

/// Makes tokens and hashes them under the secret that all programs on one database share.
#[derive(Debug)]
pub struct Tokens {
    key: SecretKey,
}

/// Bytes of chance in a token.
const TOKEN_BYTES: usize = 32;
/// Characters in a token: its bytes in base64url.
const TOKEN_CHARS: usize = 43;

impl Tokens {
    /// Tokens under a secret.
    #[must_use]
    pub const fn new(key: SecretKey) -> Self {
        Self { key }
    }

    /// Draws a token; gives the hash along under which the store will know it.
    ///
    /// # Errors
    /// If the operating system has no random bytes, which no current one says after its start.
    pub fn draw(&self) -> io::Result<(String, TokenHash)> {
        let token = BASE64URL_NOPAD.encode(&random::<TOKEN_BYTES>()?);
        let hash = self.keyed_hash(&token).ok_or_else(|| io::Error::other("no hash of a token"))?;
        Ok((token, hash))
    }

    /// The hash under which the store may know a token; `None` if it can't be one of ours.
    #[must_use]
    pub fn hash(&self, token: &str) -> Option<TokenHash> {
        (token.len() == TOKEN_CHARS).then(|| self.keyed_hash(token)).flatten()
    }

    fn keyed_hash(&self, token: &str) -> Option<TokenHash> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).ok()?;
        mac.update(token.as_bytes());
        Some(TokenHash::new(mac.finalize().into_bytes().into()))
    }
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_their_hashes_depend_on_the_secret() {
        let tokens = Tokens::new(SecretKey::new("one").unwrap());
        let (first, hash) = tokens.draw().unwrap();
        let (second, _) = tokens.draw().unwrap();
        assert_ne!(first, second);
        assert_eq!(tokens.hash(&first), Some(hash));
        assert_ne!(Tokens::new(SecretKey::new("two").unwrap()).hash(&first), Some(hash));
        assert_eq!(tokens.hash("short"), None);
    }
}
