//! The control log: numbered entries that tell every process of the chat what changed at once.
//!
//! Whoever changes a right (sign-out, disable, archive …) writes an entry in the same transaction, be it a server
//! or an administrator's tool. Servers read the log many times a second; their caches obey it alone.

use crate::{ControlSeq, RoomId, SessionId, Timestamp, UserId};

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlAction {
    /// A device was signed out.
    SessionClosed {
        /// Whose.
        user_id: UserId,
        /// Which.
        session_id: SessionId,
    },
    /// All devices of a person were signed out, for instance by a new password.
    SessionsClosed {
        /// Whose.
        user_id: UserId,
    },
    /// A person was shut out.
    UserDisabled {
        /// Who.
        user_id: UserId,
    },
    /// A person is let in again.
    UserEnabled {
        /// Who.
        user_id: UserId,
    },
    /// A room appeared.
    RoomAdded {
        /// Which.
        room_id: RoomId,
    },
    /// A room was archived.
    RoomArchived {
        /// Which.
        room_id: RoomId,
    },
    /// Somebody ceased to be a member.
    MemberLeft {
        /// Of which room.
        room_id: RoomId,
        /// Who.
        user_id: UserId,
    },
}

impl ControlAction {
    /// The stable name, as stored.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SessionClosed { .. } => "session_closed",
            Self::SessionsClosed { .. } => "sessions_closed",
            Self::UserDisabled { .. } => "user_disabled",
            Self::UserEnabled { .. } => "user_enabled",
            Self::RoomAdded { .. } => "room_added",
            Self::RoomArchived { .. } => "room_archived",
            Self::MemberLeft { .. } => "member_left",
        }
    }

    /// The ids that the entry names, as stored.
    #[must_use]
    pub const fn ids(&self) -> (Option<UserId>, Option<RoomId>, Option<SessionId>) {
        match *self {
            Self::SessionClosed { user_id, session_id } => (Some(user_id), None, Some(session_id)),
            Self::SessionsClosed { user_id }
            | Self::UserDisabled { user_id }
            | Self::UserEnabled { user_id } => (Some(user_id), None, None),
            Self::RoomAdded { room_id } | Self::RoomArchived { room_id } => (None, Some(room_id), None),
            Self::MemberLeft { room_id, user_id } => (Some(user_id), Some(room_id), None),
        }
    }

    /// The action that was stored under that name with those ids; `None` if this program doesn't know it.
    #[must_use]
    pub fn from_stored(
        name: &str,
        user_id: Option<UserId>,
        room_id: Option<RoomId>,
        session_id: Option<SessionId>,
    ) -> Option<Self> {
        Some(match name {
            "session_closed" => Self::SessionClosed { user_id: user_id?, session_id: session_id? },
            "sessions_closed" => Self::SessionsClosed { user_id: user_id? },
            "user_disabled" => Self::UserDisabled { user_id: user_id? },
            "user_enabled" => Self::UserEnabled { user_id: user_id? },
            "room_added" => Self::RoomAdded { room_id: room_id? },
            "room_archived" => Self::RoomArchived { room_id: room_id? },
            "member_left" => Self::MemberLeft { room_id: room_id?, user_id: user_id? },
            _ => return None,
        })
    }
}

/// An entry of the control log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlEntry {
    /// Its number.
    pub seq: ControlSeq,
    /// When it was written.
    pub created_at: Timestamp,
    /// What changed; `None` if a newer program wrote something that this one doesn't know.
    pub action: Option<ControlAction>,
}
