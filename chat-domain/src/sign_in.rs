//! Registering, signing in, being signed in, signing out.

use thiserror::Error;

use crate::{
    ControlAction, DisplayName, NewSession, NewUser, PasswordHash, Repository, RepositoryError, Session,
    SessionId, Timestamp, TokenHash, User, UserId, Username,
};

/// Who registers.
#[derive(Debug, Clone)]
pub struct RegisterUser {
    /// The unique name.
    pub username: Username,
    /// The shown name.
    pub display_name: DisplayName,
    /// The password's hash.
    pub password_hash: Option<PasswordHash>,
}

/// Why somebody could not register.
#[derive(Debug, Error)]
pub enum RegisterUserError {
    /// Somebody else has the name.
    #[error("the user name is taken")]
    NameTaken,
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Adds a person.
///
/// # Errors
/// [`RegisterUserError`]. Of two at once one gets [`RepositoryError::Conflict`], and the name is taken when it repeats.
pub fn register_user<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    request: &RegisterUser,
) -> Result<User, RegisterUserError> {
    if repository.find_user_by_name(&request.username)?.is_some() {
        return Err(RegisterUserError::NameTaken);
    }
    Ok(repository.add_user(&NewUser {
        username: request.username.clone(),
        display_name: request.display_name.clone(),
        password_hash: request.password_hash.clone(),
        created_at: now,
    })?)
}

/// A device to be signed in, after the password was found right.
#[derive(Debug, Clone, Copy)]
pub struct OpenSession {
    /// Whose.
    pub user_id: UserId,
    /// The hash of the new token.
    pub token_hash: TokenHash,
    /// How long the session lasts, in milliseconds.
    pub lifetime_ms: i64,
}

/// Why a device could not be signed in.
#[derive(Debug, Error)]
pub enum OpenSessionError {
    /// The person is shut out, or gone.
    #[error("this account may not sign in")]
    Forbidden,
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Sessions that ended and are removed when a new one is opened, at most.
const EXPIRED_SESSIONS_REMOVED_MAX: u32 = 10;

/// Signs a device in.
///
/// # Errors
/// [`OpenSessionError`].
pub fn open_session<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    request: &OpenSession,
) -> Result<Session, OpenSessionError> {
    repository
        .find_user(request.user_id)?
        .filter(|user| !user.is_disabled)
        .ok_or(OpenSessionError::Forbidden)?;
    repository.remove_expired_sessions(now, EXPIRED_SESSIONS_REMOVED_MAX)?;
    Ok(repository.add_session(&NewSession {
        user_id: request.user_id,
        token_hash: request.token_hash,
        created_at: now,
        expires_at: now.plus_ms(request.lifetime_ms),
    })?)
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// With which device.
    pub session: Session,
}

/// Finds who is signed in with a token: nobody if it is unknown, ended, or its person is shut out.
///
/// # Errors
/// If the store fails.
pub fn find_signed_in<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    token_hash: &TokenHash,
) -> Result<Option<SignedIn>, RepositoryError> {
    let found = repository.find_session(token_hash)?;
    Ok(found
        .filter(|(session, user)| session.expires_at > now && !user.is_disabled)
        .map(|(session, user)| SignedIn { user, session }))
}

/// Signs a device out, and says so in the control log.
///
/// # Errors
/// If the store fails.
pub fn sign_out<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    user_id: UserId,
    session_id: SessionId,
) -> Result<(), RepositoryError> {
    if repository.remove_session(session_id)? {
        repository.append_control(&ControlAction::SessionClosed { user_id, session_id }, now)?;
    }
    Ok(())
}
