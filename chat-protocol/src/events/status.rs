//! `status`: how this connection stands.

use serde::{Deserialize, Serialize};

use crate::{Limits, User};

/// How this connection stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// Signed in.
    Connected {
        /// Who is signed in.
        user: User,
        /// The epoch of the numbers: a client that holds another one drops what it holds.
        epoch: String,
        /// The level of the protocol.
        protocol: u32,
        /// The server's name and version.
        server: String,
        /// The limits that a client should know.
        limits: Limits,
    },
    /// The server goes away, and closes this connection with 1012.
    Closing {
        /// When to come back, in milliseconds.
        reconnect_after_ms: u64,
    },
}
