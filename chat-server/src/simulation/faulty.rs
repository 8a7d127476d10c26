//! A repository whose n-th call fails, and that knows the epoch.

use chat_domain::participant::ListedParticipant;
use chat_domain::repository::{
    ControlLog, DatabaseState, Messages, Meta, Participants, Repository, RepositoryError, Result,
    RoomCounters, Rooms, Sessions, Users,
};
use chat_domain::{
    ControlAction, ControlEntry, ControlSeq, ListedSession, Member, Message, MessageId, MessageKey,
    NewMessage, NewRoom, NewSession, NewUser, Participant, PasswordHash, PresenceRecord, Room, RoomId,
    RoomName, Seq, Session, SessionId, Timestamp, TokenHash, User, UserId, Username,
};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Unavailable,
    StorageFull,
    Conflict,
}

impl Fault {
    pub(super) fn error(self) -> RepositoryError {
        match self {
            Self::Unavailable => RepositoryError::Unavailable("simulated".to_owned()),
            Self::StorageFull => RepositoryError::StorageFull("simulated".to_owned()),
            Self::Conflict => RepositoryError::Conflict("simulated".to_owned()),
        }
    }
}

/// A call that failed, and how.
pub(super) struct Failed {
    pub(super) call: &'static str,
    pub(super) error: RepositoryError,
}

/// A repository around another one.
pub(super) struct Faulty<'r> {
    inner: &'r mut dyn Repository,
    epoch: &'r str,
    /// After how many calls which failure comes.
    fault: Option<(usize, Fault)>,
    /// The calls so far.
    pub(super) calls: Vec<&'static str>,
    /// The first failure of a call, which fails the transaction.
    pub(super) failed: Option<Failed>,
    /// The last entry of the control log that was read.
    pub(super) read_control: Option<ControlSeq>,
    /// The last room of which changes were asked for.
    pub(super) changes_of: Option<RoomId>,
}

impl<'r> Faulty<'r> {
    pub(super) fn new(inner: &'r mut dyn Repository, epoch: &'r str, fault: Option<(usize, Fault)>) -> Self {
        Self { inner, epoch, fault, calls: Vec::new(), failed: None, read_control: None, changes_of: None }
    }

    /// The end of a transaction, which may fail as a call may.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.call("commit", |_| Ok(()))
    }

    fn call<T>(
        &mut self,
        call: &'static str,
        work: impl FnOnce(&mut dyn Repository) -> Result<T>,
    ) -> Result<T> {
        self.calls.push(call);
        let result = match &mut self.fault {
            Some((0, fault)) => Err(fault.error()),
            Some((calls, _)) => {
                *calls -= 1;
                work(self.inner)
            }
            None => work(self.inner),
        };
        result.inspect_err(|error| {
            self.failed.get_or_insert_with(|| Failed { call, error: again(error) });
        })
    }
}

/// The same error once more.
pub(super) fn again(error: &RepositoryError) -> RepositoryError {
    match error {
        RepositoryError::Unavailable(why) => RepositoryError::Unavailable(why.clone()),
        RepositoryError::StorageFull(why) => RepositoryError::StorageFull(why.clone()),
        RepositoryError::Conflict(why) => RepositoryError::Conflict(why.clone()),
        RepositoryError::Corrupt(why) => RepositoryError::Corrupt(why.clone()),
        RepositoryError::Internal(why) => RepositoryError::Internal(why.clone()),
    }
}

macro_rules! passed_on {
    ($($trait:ident { $(fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty;)* })*) => {$(
        impl $trait for Faulty<'_> {
            $(fn $name(&mut self, $($arg: $type),*) -> Result<$out> {
                self.call(stringify!($name), |inner| inner.$name($($arg),*))
            })*
        }
    )*};
}

passed_on! {
    Users {
        fn add_user(user: &NewUser) -> User;
        fn find_user(id: UserId) -> Option<User>;
        fn lock_user(id: UserId) -> Option<User>;
        fn find_user_by_name(username: &Username) -> Option<User>;
        fn list_users(after: Option<UserId>, limit: u32) -> Vec<User>;
        fn find_password_hash(id: UserId) -> Option<PasswordHash>;
        fn set_password_hash(id: UserId, hash: &PasswordHash) -> ();
        fn set_user_disabled(id: UserId, is_disabled: bool) -> ();
    }
    Sessions {
        fn add_session(session: &NewSession) -> Session;
        fn find_session(token_hash: &TokenHash) -> Option<(Session, User)>;
        fn find_session_of(user_id: UserId, id: SessionId) -> Option<Session>;
        fn list_sessions(user_id: UserId, limit: u32) -> Vec<ListedSession>;
        fn touch_sessions(ids: &[SessionId], seen_at: Timestamp) -> ();
        fn remove_session(user_id: UserId, id: SessionId) -> bool;
        fn remove_sessions_of(user_id: UserId) -> u64;
        fn remove_ended_sessions(now: Timestamp, unseen_since: Timestamp, limit: u32) -> u64;
    }
    Rooms {
        fn add_room(room: &NewRoom) -> Room;
        fn find_room(id: RoomId) -> Option<Room>;
        fn find_room_by_name(name: &RoomName) -> Option<Room>;
        fn list_rooms(limit: u32) -> Vec<Room>;
        fn list_active_rooms(limit: u32) -> Vec<Room>;
        fn lock_rooms(ids: &[RoomId]) -> Vec<Room>;
        fn set_room_counters(counters: &[RoomCounters]) -> ();
        fn set_room_active(id: RoomId, is_active: bool) -> ();
    }
    Participants {
        fn find_members(keys: &[(RoomId, UserId)]) -> Vec<Option<Member>>;
        fn add_participant(participant: &Participant) -> ();
        fn remove_participant(room_id: RoomId, user_id: UserId) -> ();
        fn raise_read_seqs(read: &[(RoomId, UserId, Seq)]) -> ();
        fn list_participants(room_id: RoomId, limit: u32) -> Vec<ListedParticipant>;
        fn list_participations(user_id: UserId, limit: u32) -> Vec<Participant>;
        fn record_presence(records: &[PresenceRecord]) -> ();
        fn clear_presence() -> ();
    }
}

impl Messages for Faulty<'_> {
    fn find_sent(&mut self, keys: &[(UserId, MessageKey)]) -> Result<Vec<Option<Message>>> {
        self.call("find_sent", |inner| inner.find_sent(keys))
    }

    fn insert_messages(&mut self, messages: &[NewMessage]) -> Result<Vec<MessageId>> {
        self.call("insert_messages", |inner| inner.insert_messages(messages))
    }

    fn list_messages(&mut self, room_id: RoomId, before: Option<Seq>, limit: u32) -> Result<Vec<Message>> {
        self.call("list_messages", |inner| inner.list_messages(room_id, before, limit))
    }

    fn list_changes(&mut self, room_id: RoomId, after: Seq, limit: u32) -> Result<Vec<Message>> {
        self.changes_of = Some(room_id);
        self.call("list_changes", |inner| inner.list_changes(room_id, after, limit))
    }

    fn count_unread(&mut self, room_id: RoomId, user_id: UserId, after: Seq, limit: u32) -> Result<u32> {
        self.call("count_unread", |inner| inner.count_unread(room_id, user_id, after, limit))
    }
}

impl ControlLog for Faulty<'_> {
    fn append_control(&mut self, action: &ControlAction, now: Timestamp) -> Result<ControlSeq> {
        self.call("append_control", |inner| inner.append_control(action, now))
    }

    fn list_control(&mut self, after: ControlSeq, limit: u32) -> Result<Vec<ControlEntry>> {
        let entries = self.call("list_control", |inner| inner.list_control(after, limit))?;
        self.read_control = self.read_control.max(entries.last().map(|entry| entry.seq));
        Ok(entries)
    }
}

impl Meta for Faulty<'_> {
    fn database_state(&mut self) -> Result<DatabaseState> {
        let state = self.call("database_state", |inner| inner.database_state())?;
        Ok(DatabaseState { epoch: self.epoch.to_owned(), ..state })
    }
}
