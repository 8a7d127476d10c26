//! Every failure as what a client is told: a code, a text, and when to try again. One table for all of them.

use std::sync::atomic::{AtomicU64, Ordering};

use chat_domain::{
    AccessError, ChangeOwnPasswordError, CommandError, JoinRoomError, LeaveRoomError, MarkReadError,
    OpenSessionError, ReadRoomError, RegisterUserError, RepositoryError, RevokeSessionsError,
    SendMessageError,
};
use chat_protocol::events::Error;
use chat_protocol::{ErrorCode, ServerEvent};

/// What a client is told of a failure. The text is harmless; the log says the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) retry_after_ms: Option<u64>,
}

/// When to try again what the store could not do, in milliseconds.
const STORE_RETRY_AFTER_MS: u64 = 1_000;

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let retry_after_ms = code.may_retry().then_some(STORE_RETRY_AFTER_MS);
        Self { code, message: message.into(), retry_after_ms }
    }

    pub(crate) fn rate_limited(what: &str, retry_after_ms: u32) -> Self {
        Self {
            retry_after_ms: Some(u64::from(retry_after_ms)),
            ..Self::new(ErrorCode::RateLimited, format!("too many {what}"))
        }
    }

    pub(crate) fn overloaded() -> Self {
        Self::new(ErrorCode::Overloaded, "the server has more work than it can hold; try again")
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(
            ErrorCode::Unavailable,
            "the database does not answer; try again, and send a message again with the same key",
        )
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(ErrorCode::Unauthenticated, "nobody is signed in here; the token is unknown or has ended")
    }

    pub(crate) fn wrong_credentials() -> Self {
        Self::new(ErrorCode::WrongCredentials, "user name and password don't belong together")
    }

    pub(crate) fn internal(why: &str) -> Self {
        tracing::error!(why, "internal failure");
        Self::panicked()
    }

    /// A defect that the log tells of already.
    pub(crate) fn panicked() -> Self {
        Self::new(ErrorCode::Internal, "the server failed; its log says why")
    }

    /// The failure as the answer to a request.
    pub(crate) fn into_event(self) -> ServerEvent {
        ServerEvent::Error(Error {
            code: self.code,
            message: self.message,
            retry_after_ms: self.retry_after_ms,
        })
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        match &error {
            RepositoryError::Unavailable(why) => {
                log_store_failure(why);
                Self::unavailable()
            }
            RepositoryError::StorageFull(why) => {
                log_store_failure(why);
                Self::new(ErrorCode::StorageFull, "there is no room left on the server's disk")
            }
            RepositoryError::Conflict(_) => Self::overloaded(),
            RepositoryError::Corrupt(why) | RepositoryError::Internal(why) => Self::internal(why),
        }
    }
}

/// How often the store has failed since something was last committed. While it is away everybody tries again and
/// again: the log gets the first failure, the second, the fourth, the eighth and so on.
static STORE_FAILURES: AtomicU64 = AtomicU64::new(0);

fn log_store_failure(why: &str) {
    let failures = STORE_FAILURES.fetch_add(1, Ordering::Relaxed) + 1;
    if failures.is_power_of_two() {
        tracing::warn!(why, failures, "the store can't do what is asked of it");
    }
}

/// Notes that something was committed.
pub(crate) fn note_store_works() {
    if STORE_FAILURES.load(Ordering::Relaxed) > 0 {
        let failures = STORE_FAILURES.swap(0, Ordering::Relaxed);
        tracing::info!(failures, "the store works again");
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(&format!("an event could not be encoded: {error}"))
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        let code = match error {
            AccessError::UnknownRoom => ErrorCode::UnknownRoom,
            AccessError::RoomArchived => ErrorCode::RoomArchived,
            AccessError::Forbidden => ErrorCode::Forbidden,
            AccessError::NotAMember => ErrorCode::NotAMember,
        };
        Self::new(code, error.to_string())
    }
}

impl From<JoinRoomError> for Failure {
    fn from(error: JoinRoomError) -> Self {
        match error {
            JoinRoomError::Access(error) => error.into(),
            JoinRoomError::TooManyRooms => Self::new(ErrorCode::TooManyRooms, error.to_string()),
            JoinRoomError::Repository(error) => error.into(),
        }
    }
}

impl From<ReadRoomError> for Failure {
    fn from(error: ReadRoomError) -> Self {
        match error {
            ReadRoomError::Access(error) => error.into(),
            ReadRoomError::Repository(error) => error.into(),
        }
    }
}

impl From<SendMessageError> for Failure {
    fn from(error: SendMessageError) -> Self {
        match error {
            SendMessageError::Access(error) => error.into(),
            SendMessageError::KeyConflict => Self::new(ErrorCode::KeyConflict, error.to_string()),
            SendMessageError::Repository(error) => error.into(),
        }
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::SendMessage(error) => error.into(),
            CommandError::JoinRoom(error) => error.into(),
            CommandError::LeaveRoom(LeaveRoomError::Access(error))
            | CommandError::MarkRead(MarkReadError::Access(error)) => error.into(),
            CommandError::RegisterUser(error @ RegisterUserError::NameTaken) => {
                Self::new(ErrorCode::NameTaken, error.to_string())
            }
            CommandError::OpenSession(error @ OpenSessionError::Forbidden) => {
                Self::new(ErrorCode::Forbidden, error.to_string())
            }
            CommandError::OpenSession(OpenSessionError::PasswordChanged)
            | CommandError::ChangeOwnPassword(ChangeOwnPasswordError::PasswordChanged) => {
                Self::wrong_credentials()
            }
            CommandError::RevokeSessions(RevokeSessionsError::SignedOut)
            | CommandError::ChangeOwnPassword(ChangeOwnPasswordError::SignedOut) => Self::unauthenticated(),
            CommandError::RevokeSessions(error @ RevokeSessionsError::UnknownSession) => {
                Self::new(ErrorCode::UnknownSession, error.to_string())
            }
            CommandError::LeaveRoom(LeaveRoomError::Repository(error))
            | CommandError::MarkRead(MarkReadError::Repository(error))
            | CommandError::RegisterUser(RegisterUserError::Repository(error))
            | CommandError::OpenSession(OpenSessionError::Repository(error))
            | CommandError::RevokeSessions(RevokeSessionsError::Repository(error))
            | CommandError::ChangeOwnPassword(ChangeOwnPasswordError::Repository(error))
            | CommandError::Repository(error) => error.into(),
        }
    }
}
