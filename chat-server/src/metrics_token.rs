//! The token that opens `/metrics`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

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

#[cfg(test)]
mod tests {
    use super::*;

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
