//! What an administrator does with people. Each change of a right goes into the control log.

use thiserror::Error;

use crate::{ControlAction, PasswordHash, Repository, RepositoryError, Timestamp, User, UserId, Username};

/// Why a person was not changed.
#[derive(Debug, Error)]
pub enum ChangeUserError {
    /// There is no such person.
    #[error("there is no user of that name")]
    UnknownUser,
    /// The store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Shuts a person out: no device stays signed in.
///
/// # Errors
/// [`ChangeUserError`].
pub fn disable_user<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    username: &Username,
) -> Result<User, ChangeUserError> {
    let user = existing(repository, username)?;
    repository.set_user_disabled(user.id(), true)?;
    repository.remove_sessions_of(user.id())?;
    repository.append_control(&ControlAction::UserDisabled { user_id: user.id() }, now)?;
    Ok(User { is_disabled: true, ..user })
}

/// Lets a person in again; they sign in anew.
///
/// # Errors
/// [`ChangeUserError`].
pub fn enable_user<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    username: &Username,
) -> Result<User, ChangeUserError> {
    let user = existing(repository, username)?;
    repository.set_user_disabled(user.id(), false)?;
    repository.append_control(&ControlAction::UserEnabled { user_id: user.id() }, now)?;
    Ok(User { is_disabled: false, ..user })
}

/// Gives a person a new password: no device stays signed in.
///
/// # Errors
/// [`ChangeUserError`].
pub fn change_password<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    username: &Username,
    hash: &PasswordHash,
) -> Result<User, ChangeUserError> {
    let user = existing(repository, username)?;
    repository.set_password_hash(user.id(), hash)?;
    repository.remove_sessions_of(user.id())?;
    repository.append_control(&ControlAction::SessionsClosed { user_id: user.id() }, now)?;
    Ok(user)
}

/// Signs a person out on every device; they may sign in anew. Answers who, and how many sessions ended.
///
/// # Errors
/// [`ChangeUserError`].
pub fn sign_out_everywhere<R: Repository + ?Sized>(
    repository: &mut R,
    now: Timestamp,
    username: &Username,
) -> Result<(User, u64), ChangeUserError> {
    let user = existing(repository, username)?;
    let ended = repository.remove_sessions_of(user.id())?;
    repository.append_control(&ControlAction::SessionsClosed { user_id: user.id() }, now)?;
    Ok((user, ended))
}

/// Replaces the hash of a password by a stronger one of the same password, unless the password changed meanwhile.
///
/// # Errors
/// If the store fails.
pub fn update_password_hash<R: Repository + ?Sized>(
    repository: &mut R,
    user_id: UserId,
    replaces: &PasswordHash,
    hash: &PasswordHash,
) -> Result<(), RepositoryError> {
    // Locked, so that a password that is changed just now isn't undone.
    let is_there = repository.lock_user(user_id)?.is_some();
    if is_there && repository.find_password_hash(user_id)?.as_ref() == Some(replaces) {
        repository.set_password_hash(user_id, hash)?;
    }
    Ok(())
}

fn existing<R: Repository + ?Sized>(
    repository: &mut R,
    username: &Username,
) -> Result<User, ChangeUserError> {
    repository.find_user_by_name(username)?.ok_or(ChangeUserError::UnknownUser)
}
