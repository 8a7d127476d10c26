//! Which connections each person has on this node, over all shards.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chat_domain::{SessionId, UserId};

/// Where a connection is. The serial number is unique on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionAddress {
    pub(crate) shard: usize,
    pub(crate) slot: usize,
    pub(crate) serial: u64,
    pub(crate) session_id: SessionId,
}

/// The connections of each person, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    users: Mutex<HashMap<UserId, Vec<ConnectionAddress>>>,
    closings: AtomicU64,
}

/// A point in the sequence of the times at which connections were closed because a right ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closings(u64);

impl Connections {
    /// How often connections were looked through to close some. Whoever was found signed in before such a time and is
    /// added after it was passed over, and must be looked at again.
    pub(crate) fn closings(&self) -> Closings {
        Closings(self.closings.load(Ordering::SeqCst))
    }

    /// Adds a connection; gives back the oldest ones that are above the limit (0 is no limit).
    pub(crate) fn add(
        &self,
        user_id: UserId,
        address: ConnectionAddress,
        limit: usize,
    ) -> Vec<ConnectionAddress> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let own = users.entry(user_id).or_default();
        own.retain(|held| held.serial != address.serial);
        if own.is_empty() {
            // Most have one: growing by doubling begins with four.
            own.reserve_exact(1);
        }
        own.push(address);
        let above = if limit == 0 { 0 } else { own.len().saturating_sub(limit) };
        own.drain(..above).collect()
    }

    /// Removes a connection.
    pub(crate) fn remove(&self, user_id: UserId, serial: u64) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = users.get_mut(&user_id) {
            own.retain(|address| address.serial != serial);
            if own.is_empty() {
                users.remove(&user_id);
            }
        }
    }

    /// A person's connections, because some of them are to be closed.
    pub(crate) fn to_close(&self, user_id: UserId) -> Vec<ConnectionAddress> {
        // Counted before the look: whoever is added too late for it sees the count.
        self.closings.fetch_add(1, Ordering::SeqCst);
        self.of_user(user_id)
    }

    /// How many connections there are, over all people.
    pub(crate) fn count(&self) -> usize {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }

    /// A person's connections.
    pub(crate) fn of_user(&self, user_id: UserId) -> Vec<ConnectionAddress> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).get(&user_id).cloned().unwrap_or_default()
    }
}
