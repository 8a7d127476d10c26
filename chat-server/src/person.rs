//! People as this node keeps them: what others see, and that as JSON.

use std::ops::Deref;
use std::sync::Arc;

use chat_domain::participant::ListedParticipant;
use chat_domain::{OfUser, Timestamp, UserId, UserSummary};
use chat_protocol::JsonUser;

/// Somebody who is signed in. Clones share it: the connection, and presence in each of its rooms.
#[derive(Debug, Clone)]
pub(crate) struct Person(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    summary: UserSummary,
    json: JsonUser,
}

impl Person {
    pub(crate) fn new(summary: UserSummary) -> serde_json::Result<Self> {
        let json = JsonUser::new(&summary)?;
        Ok(Self(Arc::new(Inner { summary, json })))
    }

    pub(crate) fn json(&self) -> &JsonUser {
        &self.0.json
    }
}

impl Deref for Person {
    type Target = UserSummary;

    fn deref(&self) -> &UserSummary {
        &self.0.summary
    }
}

impl OfUser for Person {
    fn user_id(&self) -> UserId {
        self.id
    }
}

/// Somebody whom the store lists in a room, as JSON.
#[derive(Debug)]
pub(crate) struct StoredPerson {
    user_id: UserId,
    pub(crate) json: JsonUser,
    pub(crate) last_active: Timestamp,
}

impl StoredPerson {
    pub(crate) fn new(listed: &ListedParticipant) -> serde_json::Result<Self> {
        let ListedParticipant { user, last_active, .. } = listed;
        Ok(Self { user_id: user.id, json: JsonUser::new(user)?, last_active: *last_active })
    }
}

impl OfUser for StoredPerson {
    fn user_id(&self) -> UserId {
        self.user_id
    }
}
