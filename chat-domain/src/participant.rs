//! Participants: who is a member of which room, and how far they have read.

use crate::{RoomId, Seq, Timestamp, User, UserId, UserSummary};

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Of which room.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// Since when.
    pub joined_at: Timestamp,
    /// When they were last connected; a projection of live presence, written in batches.
    pub last_active: Timestamp,
    /// Whether they were connected when that was last written.
    pub is_online: bool,
    /// How far they have read. Never falls.
    pub read_seq: Seq,
}

/// What the store knows of a person and a room, whether or not the person is a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub user: User,
    /// The membership, if there is one.
    pub participant: Option<Participant>,
}

/// Something that is kept of a person, by which presence knows who it is: a [`UserSummary`], or what a program makes
/// of one.
pub trait OfUser {
    /// Whose it is.
    fn user_id(&self) -> UserId;
}

impl OfUser for UserSummary {
    fn user_id(&self) -> UserId {
        self.id
    }
}

impl OfUser for ListedParticipant {
    fn user_id(&self) -> UserId {
        self.user.id
    }
}

/// An entry in a room's list of participants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedParticipant {
    /// Who.
    pub user: UserSummary,
    /// Whether they are connected.
    pub is_online: bool,
    /// When they were last connected.
    pub last_active: Timestamp,
}

/// What live presence says of one membership, to be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceRecord {
    /// Of which room.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// Whether they are connected.
    pub is_online: bool,
    /// When they were last connected.
    pub last_active: Timestamp,
}
