//! Group commit: many durable commands in one transaction, numbered in the order in which they came.
//!
//! The rooms of the batch are locked in ascending order of their ids, then everything that the rules need is read
//! at once; the rules run on that, one command after the other; then the new rows are written. Only a stored row
//! takes a number, so the numbers of a room are dense and their order is the commit order.

mod rows;

use thiserror::Error;

use crate::join_room::{JoinRoom, JoinRoomError, RoomJoined};
use crate::leave_room::{LeaveRoom, LeaveRoomError, RoomLeft};
use crate::manage_sessions::{
    ChangeOwnPassword, ChangeOwnPasswordError, RevokeSessions, RevokeSessionsError,
};
use crate::mark_read::{MarkRead, MarkReadError, ReadMarked};
use crate::send_message::{MessageSent, SendMessage, SendMessageError};
use crate::sign_in::{OpenSession, OpenSessionError, RegisterUser, RegisterUserError};
use crate::{
    PasswordHash, PresenceRecord, Repository, RepositoryError, RoomId, Session, SessionId, Timestamp, User,
    UserId,
};

pub(crate) use rows::{Applied, Batch, Sent};

/// A durable use case, waiting for its transaction.
#[derive(Debug, Clone)]
pub enum Command {
    /// See [`crate::send_message()`].
    SendMessage(SendMessage),
    /// See [`crate::join_room()`].
    JoinRoom(JoinRoom),
    /// See [`crate::leave_room()`].
    LeaveRoom(LeaveRoom),
    /// See [`crate::mark_read()`].
    MarkRead(MarkRead),
    /// See [`crate::register_user()`].
    RegisterUser(RegisterUser),
    /// See [`crate::open_session()`].
    OpenSession(OpenSession),
    /// See [`crate::sign_out()`].
    SignOut {
        /// Whose.
        user_id: UserId,
        /// Which device.
        session_id: SessionId,
    },
    /// See [`crate::revoke_sessions()`].
    RevokeSessions(RevokeSessions),
    /// See [`crate::change_own_password()`].
    ChangeOwnPassword(ChangeOwnPassword),
    /// Writes down when sessions were seen.
    TouchSessions {
        /// Which; one that is gone is passed over.
        session_ids: Vec<SessionId>,
        /// When they were last seen.
        seen_at: Timestamp,
    },
    /// See [`crate::update_password_hash()`].
    UpdatePasswordHash {
        /// Whose.
        user_id: UserId,
        /// The hash that the new one replaces.
        replaces: PasswordHash,
        /// The new hash of the same password.
        hash: PasswordHash,
    },
    /// Writes live presence down.
    RecordPresence(Vec<PresenceRecord>),
}

impl Command {
    /// The room that it is about, if it is about one.
    #[must_use]
    pub const fn room_id(&self) -> Option<RoomId> {
        match self {
            Self::SendMessage(send) => Some(send.room_id),
            Self::JoinRoom(join) => Some(join.room_id),
            Self::LeaveRoom(leave) => Some(leave.room_id),
            Self::MarkRead(read) => Some(read.room_id),
            _ => None,
        }
    }
}

/// What a committed command did.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A message is stored, now or earlier.
    MessageSent(MessageSent),
    /// Somebody is a member, now or already.
    RoomJoined(RoomJoined),
    /// Somebody is no longer a member.
    RoomLeft(RoomLeft),
    /// Somebody's read position moved.
    ReadMarked(ReadMarked),
    /// Somebody registered.
    UserRegistered(User),
    /// A device is signed in.
    SessionOpened(Session),
    /// Nothing to tell.
    Done,
}

/// Why one command of a batch was refused; the others are not touched by it.
#[derive(Debug, Error)]
pub enum CommandError {
    /// See [`SendMessageError`].
    #[error(transparent)]
    SendMessage(#[from] SendMessageError),
    /// See [`JoinRoomError`].
    #[error(transparent)]
    JoinRoom(#[from] JoinRoomError),
    /// See [`LeaveRoomError`].
    #[error(transparent)]
    LeaveRoom(#[from] LeaveRoomError),
    /// See [`MarkReadError`].
    #[error(transparent)]
    MarkRead(#[from] MarkReadError),
    /// See [`RegisterUserError`].
    #[error(transparent)]
    RegisterUser(#[from] RegisterUserError),
    /// See [`OpenSessionError`].
    #[error(transparent)]
    OpenSession(#[from] OpenSessionError),
    /// See [`RevokeSessionsError`].
    #[error(transparent)]
    RevokeSessions(#[from] RevokeSessionsError),
    /// See [`ChangeOwnPasswordError`].
    #[error(transparent)]
    ChangeOwnPassword(#[from] ChangeOwnPasswordError),
    /// The store failed, so nothing of the command is known to be stored.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Runs commands in the one transaction that `repository` stands for; the caller commits.
///
/// # Errors
/// If the store fails, the whole batch fails: the caller rolls back, and may repeat after a
/// [`RepositoryError::Conflict`]. What only one command did wrong stands in that command's result.
pub fn commit_batch<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    commands: &[Command],
) -> Result<Vec<Result<Outcome, CommandError>>, RepositoryError> {
    let mut batch = Batch::read(repository, now, commands)?;
    let applied: Vec<Result<Applied, CommandError>> = commands
        .iter()
        .map(|command| apply(repository, &mut batch, command))
        .map(|applied| match applied {
            Err(CommandError::Repository(error)) => Err(error),
            other => Ok(other),
        })
        .collect::<Result<_, RepositoryError>>()?;
    let numbers = batch.write(repository)?;
    applied
        .into_iter()
        .map(|applied| match applied {
            Ok(applied) => batch.finish(repository, applied, &numbers).map(Ok),
            Err(error) => Ok(Err(error)),
        })
        .collect()
}

/// Runs one command as a batch of its own, for the use cases' own functions.
pub(crate) fn commit_one<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    command: Command,
) -> Result<Outcome, CommandError> {
    let results = commit_batch(repository, now, &[command])?;
    results
        .into_iter()
        .next()
        .unwrap_or_else(|| Err(RepositoryError::Internal("a batch of one has no result".to_owned()).into()))
}

/// One command's rule, run on what the batch read.
fn apply<R: Repository + ?Sized>(
    repository: &mut R,
    batch: &mut Batch,
    command: &Command,
) -> Result<Applied, CommandError> {
    let now = batch.now();
    let known = match command {
        Command::SendMessage(send) => return Ok(crate::send_message::apply(batch, send)?),
        Command::JoinRoom(join) => return Ok(crate::join_room::apply(repository, batch, join)?),
        Command::LeaveRoom(leave) => return Ok(crate::leave_room::apply(batch, leave)?),
        Command::MarkRead(read) => return Ok(crate::mark_read::apply(batch, read)?),
        Command::RegisterUser(register) => {
            Outcome::UserRegistered(crate::register_user(repository, now, register)?)
        }
        Command::OpenSession(open) => Outcome::SessionOpened(crate::open_session(repository, now, open)?),
        Command::SignOut { user_id, session_id } => {
            crate::sign_out(repository, now, *user_id, *session_id)?;
            Outcome::Done
        }
        Command::RevokeSessions(revoke) => {
            crate::revoke_sessions(repository, now, revoke)?;
            Outcome::Done
        }
        Command::ChangeOwnPassword(change) => {
            crate::change_own_password(repository, now, change)?;
            Outcome::Done
        }
        Command::TouchSessions { session_ids, seen_at } => {
            repository.touch_sessions(session_ids, *seen_at)?;
            Outcome::Done
        }
        Command::UpdatePasswordHash { user_id, replaces, hash } => {
            crate::update_password_hash(repository, *user_id, replaces, hash)?;
            Outcome::Done
        }
        Command::RecordPresence(records) => {
            repository.record_presence(records)?;
            Outcome::Done
        }
    };
    Ok(Applied::Known(known))
}
