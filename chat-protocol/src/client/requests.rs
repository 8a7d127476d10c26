//! What was asked on the present connection and is not answered yet.

use std::collections::BTreeMap;

use chat_domain::{MessageKey, RoomName, Timestamp};

/// Which request: unique over all connections of a client, so that a late answer is nobody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What the answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Signing in with the first frame.
    SignIn,
    /// A new token on an open connection.
    Renew,
    /// Looking whether the memberships last.
    Rooms,
    /// Joining, or catching up.
    Join { room: RoomName, resumes: bool },
    /// Leaving.
    Leave { room: RoomName },
    /// A message of the outbox.
    Send { key: MessageKey },
    /// The application wants to know.
    Ask,
}

/// The unanswered requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last_id: u64,
    pending: BTreeMap<RequestId, (Purpose, Timestamp)>,
}

impl Requests {
    /// Notes a request that wants its answer by then.
    pub(super) fn add(&mut self, purpose: Purpose, until: Timestamp) -> RequestId {
        self.last_id += 1;
        let id = RequestId(self.last_id);
        self.pending.insert(id, (purpose, until));
        id
    }

    /// The answer came: what it is for.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<Purpose> {
        self.pending.remove(&id).map(|(purpose, _)| purpose)
    }

    /// How many questions of the application are open.
    pub(super) fn asked(&self) -> usize {
        self.pending.values().filter(|(purpose, _)| *purpose == Purpose::Ask).count()
    }

    /// Takes those whose time is over.
    pub(super) fn expired(&mut self, now: Timestamp) -> Vec<(RequestId, Purpose)> {
        let over = self.pending.extract_if(.., |_, (_, until)| *until <= now);
        over.map(|(id, (purpose, _))| (id, purpose)).collect()
    }

    /// The connection is gone: takes them all.
    pub(super) fn lost(&mut self) -> Vec<(RequestId, Purpose)> {
        std::mem::take(&mut self.pending).into_iter().map(|(id, (purpose, _))| (id, purpose)).collect()
    }

    /// When the first of them expires.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        self.pending.values().map(|(_, until)| *until).min()
    }
}
