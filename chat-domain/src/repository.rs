//! What the use cases need of a store: small synchronous traits, one per noun.
//!
//! One object implements them all inside one transaction. A read transaction sees one snapshot; a write
//! transaction takes effect whole or not at all. `find_x` answers `None` for what isn't there; lists are bounded.
//! The set-based methods answer in the order of their arguments, so that a batch costs few round trips.

use thiserror::Error;

use crate::participant::ListedParticipant;
use crate::{
    ControlAction, ControlEntry, ControlSeq, ListedSession, Member, Message, MessageId, MessageKey,
    NewMessage, NewRoom, NewSession, NewUser, Participant, PasswordHash, PresenceRecord, Room, RoomId,
    RoomName, Seq, Session, SessionId, Timestamp, TokenHash, User, UserId, Username,
};

/// What a store says when it can't do what was asked. The text is for the log, not for clients.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// Somebody else was faster (a unique value, a deadlock): repeating the transaction helps.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The store can't be reached or doesn't answer in time. What was under way may or may not be stored.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// There is no room left to store anything.
    #[error("storage full: {0}")]
    StorageFull(String),
    /// The store holds something that should not exist.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// Anything else: a defect of the program.
    #[error("internal: {0}")]
    Internal(String),
}

/// The result of every repository method.
pub type Result<T> = std::result::Result<T, RepositoryError>;

/// People.
pub trait Users {
    /// Adds a person. [`RepositoryError::Conflict`] if the name is taken.
    fn add_user(&mut self, user: &NewUser) -> Result<User>;
    /// Finds a person.
    fn find_user(&mut self, id: UserId) -> Result<Option<User>>;
    /// Finds a person, and locks them against other transactions that change their password, their sessions or
    /// whether they may sign in.
    fn lock_user(&mut self, id: UserId) -> Result<Option<User>>;
    /// Finds a person by the unique name.
    fn find_user_by_name(&mut self, username: &Username) -> Result<Option<User>>;
    /// Lists people in ascending order of their ids, above `after`.
    fn list_users(&mut self, after: Option<UserId>, limit: u32) -> Result<Vec<User>>;
    /// Finds the hash of a person's password.
    fn find_password_hash(&mut self, id: UserId) -> Result<Option<PasswordHash>>;
    /// Replaces the hash of a person's password.
    fn set_password_hash(&mut self, id: UserId, hash: &PasswordHash) -> Result<()>;
    /// Shuts a person out or lets them in again.
    fn set_user_disabled(&mut self, id: UserId, is_disabled: bool) -> Result<()>;
}

/// Signed-in devices.
pub trait Sessions {
    /// Adds a session.
    fn add_session(&mut self, session: &NewSession) -> Result<Session>;
    /// Finds a session and its person by the token's hash, ended or not.
    fn find_session(&mut self, token_hash: &TokenHash) -> Result<Option<(Session, User)>>;
    /// Finds a session of a person, ended or not.
    fn find_session_of(&mut self, user_id: UserId, id: SessionId) -> Result<Option<Session>>;
    /// Lists a person's sessions, ended ones too: those seen last first, of several the newest.
    fn list_sessions(&mut self, user_id: UserId, limit: u32) -> Result<Vec<ListedSession>>;
    /// Writes down when sessions were seen. One that was seen later already stays, one that is gone is passed over.
    fn touch_sessions(&mut self, ids: &[SessionId], seen_at: Timestamp) -> Result<()>;
    /// Removes a session of a person; says whether there was one.
    fn remove_session(&mut self, user_id: UserId, id: SessionId) -> Result<bool>;
    /// Removes all sessions of a person; says how many there were.
    fn remove_sessions_of(&mut self, user_id: UserId) -> Result<u64>;
    /// Removes up to `limit` sessions whose end was before `now` or then, and up to `limit` that were last seen at
    /// `unseen_since` or before; says how many there were.
    fn remove_ended_sessions(&mut self, now: Timestamp, unseen_since: Timestamp, limit: u32) -> Result<u64>;
}

/// What a batch changes of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomCounters {
    /// Which room.
    pub id: RoomId,
    /// The number of its last change.
    pub last_seq: Seq,
    /// How many members it has.
    pub members: i64,
}

/// Rooms.
pub trait Rooms {
    /// Adds a room without messages and members. [`RepositoryError::Conflict`] if the name is taken.
    fn add_room(&mut self, room: &NewRoom) -> Result<Room>;
    /// Finds a room.
    fn find_room(&mut self, id: RoomId) -> Result<Option<Room>>;
    /// Finds a room by its name.
    fn find_room_by_name(&mut self, name: &RoomName) -> Result<Option<Room>>;
    /// Lists rooms, archived ones too, in ascending order of their ids.
    fn list_rooms(&mut self, limit: u32) -> Result<Vec<Room>>;
    /// Lists the rooms that are not archived, in ascending order of their ids.
    fn list_active_rooms(&mut self, limit: u32) -> Result<Vec<Room>>;
    /// Locks rooms against other transactions that number, in the order given (ascending ids), and reads them.
    /// Rooms that don't exist are left out.
    fn lock_rooms(&mut self, ids: &[RoomId]) -> Result<Vec<Room>>;
    /// Writes the counters of locked rooms.
    fn set_room_counters(&mut self, counters: &[RoomCounters]) -> Result<()>;
    /// Archives a room or brings it back.
    fn set_room_active(&mut self, id: RoomId, is_active: bool) -> Result<()>;
}

/// Memberships.
pub trait Participants {
    /// Finds people and whether they are members. `None` where there is no such person.
    fn find_members(&mut self, keys: &[(RoomId, UserId)]) -> Result<Vec<Option<Member>>>;
    /// Adds a membership. [`RepositoryError::Conflict`] if there is one.
    fn add_participant(&mut self, participant: &Participant) -> Result<()>;
    /// Ends a membership.
    fn remove_participant(&mut self, room_id: RoomId, user_id: UserId) -> Result<()>;
    /// Moves read positions forward; one that is further already stays.
    fn raise_read_seqs(&mut self, read: &[(RoomId, UserId, Seq)]) -> Result<()>;
    /// Lists a room's members, those written down as online first, then those active last.
    fn list_participants(&mut self, room_id: RoomId, limit: u32) -> Result<Vec<ListedParticipant>>;
    /// Lists a person's memberships in ascending order of the rooms' ids.
    fn list_participations(&mut self, user_id: UserId, limit: u32) -> Result<Vec<Participant>>;
    /// Writes live presence down. Those who are no members are passed over.
    fn record_presence(&mut self, records: &[PresenceRecord]) -> Result<()>;
    /// Writes down that nobody is online.
    fn clear_presence(&mut self) -> Result<()>;
}

/// Messages.
pub trait Messages {
    /// Finds what was sent with these keys.
    fn find_sent(&mut self, keys: &[(UserId, MessageKey)]) -> Result<Vec<Option<Message>>>;
    /// Stores messages that have their numbers. [`RepositoryError::Conflict`] if a number or a key is taken.
    fn insert_messages(&mut self, messages: &[NewMessage]) -> Result<Vec<MessageId>>;
    /// Lists messages below `before` (or the last ones), newest first.
    fn list_messages(&mut self, room_id: RoomId, before: Option<Seq>, limit: u32) -> Result<Vec<Message>>;
    /// Lists messages that changed after a number, in ascending order of `changed_seq`.
    fn list_changes(&mut self, room_id: RoomId, after: Seq, limit: u32) -> Result<Vec<Message>>;
    /// Counts other people's text and system messages above a number, up to `limit`.
    fn count_unread(&mut self, room_id: RoomId, user_id: UserId, after: Seq, limit: u32) -> Result<u32>;
}

/// The control log.
pub trait ControlLog {
    /// Appends an entry with the next number.
    fn append_control(&mut self, action: &ControlAction, now: Timestamp) -> Result<ControlSeq>;
    /// Lists entries above a number in ascending order.
    fn list_control(&mut self, after: ControlSeq, limit: u32) -> Result<Vec<ControlEntry>>;
}

/// What is known of the database as a whole, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseState {
    /// A random id that changes when a restore or an import rewinds the numbers.
    pub epoch: String,
    /// The number of the control log's last entry.
    pub control_seq: ControlSeq,
}

/// What is known of the database as a whole.
pub trait Meta {
    /// What is known of it now.
    fn database_state(&mut self) -> Result<DatabaseState>;
}

/// All of it, in one transaction.
pub trait Repository: Users + Sessions + Rooms + Participants + Messages + ControlLog + Meta {}

impl<R: Users + Sessions + Rooms + Participants + Messages + ControlLog + Meta + ?Sized> Repository for R {}
