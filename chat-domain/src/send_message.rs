//! Sending a message: once per key, however often it is asked for.

use thiserror::Error;

use crate::batch::{Applied, Batch, Command, CommandError, Outcome, Sent, commit_one};
use crate::{
    AccessError, Body, Message, MessageKey, MessageKind, Repository, RepositoryError, RoomId, Timestamp,
    UserId, access_room,
};

/// What to send, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendMessage {
    /// Who sends it.
    pub user_id: UserId,
    /// Where to.
    pub room_id: RoomId,
    /// What it says.
    pub body: Body,
    /// The idempotency key.
    pub key: MessageKey,
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSent {
    /// The message, the same at every retry.
    pub message: Message,
    /// Whether this very command stored it, so that the others must hear of it.
    pub is_new: bool,
}

/// Why a message was not stored.
#[derive(Debug, Error)]
pub enum SendMessageError {
    /// The room is not open to the sender.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The key already stands for another message.
    #[error("this key was used for another message")]
    KeyConflict,
    /// The store failed: nothing is known, and a retry with the same key is safe.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Stores a message, or finds the one that was stored with the same key before.
///
/// The retry gets the same answer also after the sender left the room.
///
/// # Errors
/// [`SendMessageError`]; then nothing is stored.
pub fn send_message<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    request: SendMessage,
) -> Result<MessageSent, SendMessageError> {
    match commit_one(repository, now, Command::SendMessage(request)) {
        Ok(Outcome::MessageSent(sent)) => Ok(sent),
        Err(CommandError::SendMessage(error)) => Err(error),
        Err(CommandError::Repository(error)) => Err(error.into()),
        other => Err(RepositoryError::Internal(format!("a send came to {other:?}")).into()),
    }
}

pub(crate) fn apply(batch: &mut Batch, request: &SendMessage) -> Result<Applied, SendMessageError> {
    match batch.sent(request.user_id, &request.key) {
        Some(Sent::Earlier(message)) => {
            // An edit changes what the key stands for; then only the room tells a misuse.
            let is_same_body = message.edited_at.is_some() || message.body == request.body.as_str();
            if message.room_id != request.room_id || !is_same_body {
                return Err(SendMessageError::KeyConflict);
            }
            return Ok(Applied::Known(Outcome::MessageSent(MessageSent {
                message: *message,
                is_new: false,
            })));
        }
        Some(Sent::Here(pending)) => {
            if batch.pending(&pending) != Some((request.room_id, request.body.as_str())) {
                return Err(SendMessageError::KeyConflict);
            }
            return Ok(Applied::SentAgain(pending));
        }
        None => {}
    }
    let member = batch.member(request.room_id, request.user_id);
    access_room(batch.room(request.room_id), member)?;
    let author = member.map(|member| member.user.summary.clone()).ok_or(AccessError::Forbidden)?;
    let body = String::from(request.body.clone());
    let pending = batch
        .add_message(request.room_id, &author, MessageKind::Text, body, Some(&request.key))
        .ok_or(AccessError::UnknownRoom)?;
    let seq = batch.room(request.room_id).map_or(crate::Seq::ZERO, |room| room.last_seq);
    batch.raise_read_seq(request.room_id, request.user_id, seq);
    Ok(Applied::Sent(pending))
}
