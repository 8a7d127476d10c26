//! The limits and timers of a store.

/// How a [`crate::Store`] treats its database. Every number is a limit with its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Connections that read at the same time, at most.
    pub readers: u32,
    /// How long a statement waits for a lock that somebody else holds, in milliseconds.
    pub busy_timeout_ms: u32,
    /// How long opening a connection, or waiting for a free one, may take, in milliseconds.
    /// PostgreSQL counts whole seconds, and two at least.
    pub connect_timeout_ms: u32,
    /// How long one statement may run on PostgreSQL, in milliseconds.
    pub statement_timeout_ms: u32,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { readers: 4, busy_timeout_ms: 2_500, connect_timeout_ms: 2_000, statement_timeout_ms: 10_000 }
    }
}
