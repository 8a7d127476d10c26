//! Session tokens: 256 random bits for the client, a keyed hash of them for the store.

use chat_domain::TokenHash;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::random;
use crate::secret::SecretKey;

/// Makes tokens and hashes them under the server's secret.
pub(crate) struct Tokens {
    key: SecretKey,
}

/// Characters in a token: 32 bytes in base64url.
const TOKEN_CHARS: usize = 43;

impl Tokens {
    pub(crate) const fn new(key: SecretKey) -> Self {
        Self { key }
    }

    /// Draws a token.
    pub(crate) fn draw(&self) -> std::io::Result<(String, TokenHash)> {
        let token = BASE64URL_NOPAD.encode(&random::bytes::<32>()?);
        let hash = self.keyed_hash(&token).ok_or_else(|| std::io::Error::other("no hash of a token"))?;
        Ok((token, hash))
    }

    /// The hash under which the store may know a token; `None` if it can't be one of ours.
    pub(crate) fn hash(&self, token: &str) -> Option<TokenHash> {
        (token.len() == TOKEN_CHARS).then(|| self.keyed_hash(token)).flatten()
    }

    fn keyed_hash(&self, token: &str) -> Option<TokenHash> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).ok()?;
        mac.update(token.as_bytes());
        Some(TokenHash::new(mac.finalize().into_bytes().into()))
    }
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
