//! What people do with their own sessions: look at them, end them, change the password that opened them.
//!
//! Whoever acts does so by a session, which must still be there in the transaction that does it: a session that was
//! just ended ends no others.

use thiserror::Error;

use crate::limits::SESSIONS_PER_USER_MAX;
use crate::{
    ListedSession, PasswordHash, Repository, RepositoryError, SessionId, Timestamp, UserId, sign_out,
};

/// Lists the sessions of a person that have not ended, those seen last first.
///
/// # Errors
/// If the store fails.
pub fn list_sessions<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    idle_ms: i64,
    user_id: UserId,
) -> Result<Vec<ListedSession>, RepositoryError> {
    let mut sessions = repository.list_sessions(user_id, SESSIONS_PER_USER_MAX)?;
    sessions.retain(|listed| listed.session.is_live(now, idle_ms));
    Ok(sessions)
}

/// Which sessions are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// One; one's own is a sign-out.
    One(SessionId),
    /// All but the one by which it is asked.
    Others,
}

/// Whose sessions are ended by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokeSessions {
    /// Whose.
    pub user_id: UserId,
    /// The session by which it is asked.
    pub by: SessionId,
    /// Which.
    pub which: Revoked,
}

/// Why sessions were not ended.
#[derive(Debug, Error)]
pub enum RevokeSessionsError {
    /// The session by which it was asked has itself ended.
    #[error("this session has ended")]
    SignedOut,
    /// The person has no such session; whether somebody else has is not told.
    #[error("there is no such session")]
    UnknownSession,
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Ends sessions of a person, and says of each in the control log that it is closed.
///
/// # Errors
/// [`RevokeSessionsError`]; then nothing is stored.
pub fn revoke_sessions<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    request: &RevokeSessions,
) -> Result<(), RevokeSessionsError> {
    let RevokeSessions { user_id, by, which } = *request;
    if !acts(repository, user_id, by)? {
        return Err(RevokeSessionsError::SignedOut);
    }
    match which {
        Revoked::One(session_id) if sign_out(repository, now, user_id, session_id)? => Ok(()),
        Revoked::One(_) => Err(RevokeSessionsError::UnknownSession),
        Revoked::Others => Ok(end_others(repository, now, user_id, by)?),
    }
}

/// A person's new password, after the old one was found right.
#[derive(Debug, Clone)]
pub struct ChangeOwnPassword {
    /// Whose.
    pub user_id: UserId,
    /// The session by which it is asked, which stays.
    pub by: SessionId,
    /// The hash with which the old password was compared.
    pub verified: PasswordHash,
    /// The hash of the new one.
    pub hash: PasswordHash,
}

/// Why a password was not changed.
#[derive(Debug, Error)]
pub enum ChangeOwnPasswordError {
    /// The session by which it was asked has itself ended.
    #[error("this session has ended")]
    SignedOut,
    /// The password is no longer the one that was found right.
    #[error("the password was changed meanwhile")]
    PasswordChanged,
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Changes a password and ends all other sessions of the person: whoever knew the old one is out.
///
/// # Errors
/// [`ChangeOwnPasswordError`]; then nothing is stored.
pub fn change_own_password<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    request: &ChangeOwnPassword,
) -> Result<(), ChangeOwnPasswordError> {
    if !acts(repository, request.user_id, request.by)? {
        return Err(ChangeOwnPasswordError::SignedOut);
    }
    if repository.find_password_hash(request.user_id)?.as_ref() != Some(&request.verified) {
        return Err(ChangeOwnPasswordError::PasswordChanged);
    }
    repository.set_password_hash(request.user_id, &request.hash)?;
    Ok(end_others(repository, now, request.user_id, request.by)?)
}

/// Locks a person, and says whether they may act by a session.
fn acts<R: Repository + ?Sized>(
    repository: &mut R,
    user_id: UserId,
    by: SessionId,
) -> Result<bool, RepositoryError> {
    let is_let_in = repository.lock_user(user_id)?.is_some_and(|user| !user.is_disabled);
    Ok(is_let_in && repository.find_session_of(user_id, by)?.is_some())
}

fn end_others<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    user_id: UserId,
    kept: SessionId,
) -> Result<(), RepositoryError> {
    loop {
        let mut held = repository.list_sessions(user_id, SESSIONS_PER_USER_MAX)?;
        held.retain(|listed| listed.session.id != kept);
        if held.is_empty() {
            return Ok(());
        }
        for listed in held {
            sign_out(repository, now, user_id, listed.session.id)?;
        }
    }
}
