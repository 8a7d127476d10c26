//! Registering, signing in, being signed in, signing out.

use thiserror::Error;

use crate::limits::{SESSIONS_PER_USER_MAX, usize_of};
use crate::{
    ControlAction, DeviceName, DisplayName, NewSession, NewUser, PasswordHash, Repository, RepositoryError,
    Session, SessionId, Timestamp, TokenHash, User, UserId, Username,
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
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// Whose.
    pub user_id: UserId,
    /// The hash with which the password was compared; `None` where none was asked for.
    pub verified: Option<PasswordHash>,
    /// The hash of the new token.
    pub token_hash: TokenHash,
    /// What the device calls itself.
    pub device: Option<DeviceName>,
    /// When it signs in, by the clock by which sessions end; what is stored may follow another one, which jumps.
    pub seen_at: Timestamp,
    /// How long the session lasts, in milliseconds.
    pub lifetime_ms: i64,
    /// After how many milliseconds without being seen a session ends, this one and others.
    pub idle_ms: i64,
}

/// Why a device could not be signed in.
#[derive(Debug, Error)]
pub enum OpenSessionError {
    /// The person is shut out, or gone.
    #[error("this account may not sign in")]
    Forbidden,
    /// The password is no longer the one that was found right.
    #[error("the password was changed meanwhile")]
    PasswordChanged,
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Sessions that are removed when a new one is opened, at most: of those that ended at their end, of those that were
/// not seen for too long, and of those that the person has too many of.
const SESSIONS_REMOVED_MAX: u32 = 10;

/// Signs a device in. Whoever has [`SESSIONS_PER_USER_MAX`] sessions loses the one that was not seen longest, and the
/// control log says so.
///
/// # Errors
/// [`OpenSessionError`].
pub fn open_session<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    request: &OpenSession,
) -> Result<Session, OpenSessionError> {
    let user_id = request.user_id;
    // Locked: a password that changes at the same moment ends this session, or is seen here.
    let user = repository.lock_user(user_id)?.filter(|user| !user.is_disabled);
    user.ok_or(OpenSessionError::Forbidden)?;
    if let Some(verified) = &request.verified
        && repository.find_password_hash(user_id)?.as_ref() != Some(verified)
    {
        return Err(OpenSessionError::PasswordChanged);
    }
    let unseen_since = request.seen_at.plus_ms(-request.idle_ms);
    repository.remove_ended_sessions(request.seen_at, unseen_since, SESSIONS_REMOVED_MAX)?;
    make_room(repository, now, user_id)?;
    // A clock that was set back must not make it seem unseen, or over before it begins.
    let begins_at = now.max(request.seen_at);
    Ok(repository.add_session(&NewSession {
        user_id,
        token_hash: request.token_hash,
        device: request.device.clone(),
        created_at: now,
        last_seen_at: begins_at,
        expires_at: begins_at.plus_ms(request.lifetime_ms),
    })?)
}

/// Ends the sessions of a person that leave no room for one more.
fn make_room<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    user_id: UserId,
) -> Result<(), RepositoryError> {
    let held = repository.list_sessions(user_id, SESSIONS_PER_USER_MAX + SESSIONS_REMOVED_MAX)?;
    for unseen in held.into_iter().skip(usize_of(SESSIONS_PER_USER_MAX - 1)) {
        sign_out(repository, now, user_id, unseen.session.id)?;
    }
    Ok(())
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// With which device.
    pub session: Session,
}

/// Finds who is signed in with a token: nobody if it is unknown, or its session ended (at its end, or by not being
/// seen for `idle_ms`), or its person is shut out.
///
/// # Errors
/// If the store fails.
pub fn find_signed_in<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    idle_ms: i64,
    token_hash: &TokenHash,
) -> Result<Option<SignedIn>, RepositoryError> {
    let found = repository.find_session(token_hash)?;
    Ok(found
        .filter(|(session, user)| session.is_live(now, idle_ms) && !user.is_disabled)
        .map(|(session, user)| SignedIn { user, session }))
}

/// Signs a device of a person out, and says so in the control log. Answers whether they have such a device.
///
/// # Errors
/// If the store fails.
pub fn sign_out<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    user_id: UserId,
    session_id: SessionId,
) -> Result<bool, RepositoryError> {
    let was_there = repository.remove_session(user_id, session_id)?;
    if was_there {
        repository.append_control(&ControlAction::SessionClosed { user_id, session_id }, now)?;
    }
    Ok(was_there)
}
