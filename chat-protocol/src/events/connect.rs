//! `connect`: signing in with the first frame, or renewing the token later.

use serde::{Deserialize, Serialize};

/// Signs this connection in. The token never stands in the URL.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// The session token.
    pub token: String,
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connect { token: … }")
    }
}
