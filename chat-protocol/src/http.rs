//! The JSON bodies of the HTTP requests that sign people in, and show and end what they are signed in with.

use chat_domain::{DeviceName, ListedSession, SessionId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, User};

/// The body of `POST /api/v1/register`.
#[derive(Clone, Serialize, Deserialize)]
pub struct RegisterRequest {
    /// The unique name.
    pub username: String,
    /// The password, 8 to 1,024 bytes.
    pub password: String,
    /// The shown name; the user name if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// The answer to `POST /api/v1/register`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterAnswer {
    /// Who registered.
    pub user: User,
}

/// The body of `POST /api/v1/login`.
#[derive(Clone, Serialize, Deserialize)]
pub struct LoginRequest {
    /// The unique name.
    pub username: String,
    /// The password.
    pub password: String,
    /// Whether the answer sets the session cookie instead of naming the token.
    #[serde(default)]
    pub cookie: bool,
}

/// The answer to `POST /api/v1/login`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginAnswer {
    /// The session token; missing where the cookie carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Who is signed in.
    pub user: User,
}

/// The answer to `GET /api/v1/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsAnswer {
    /// The person's sessions that have not ended, those seen last first.
    pub sessions: Vec<SessionEntry>,
}

/// A session as its person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEntry {
    /// Which session.
    pub id: SessionId,
    /// What the device called itself when it signed in; `null` if it said nothing.
    pub device: Option<DeviceName>,
    /// Since when, in Unix milliseconds.
    pub created_at: Timestamp,
    /// When it was last seen, in Unix milliseconds; an hour may pass before that is written down.
    pub last_seen_at: Timestamp,
    /// Until when at most, in Unix milliseconds.
    pub expires_at: Timestamp,
    /// Whether it is the session of this very request.
    pub is_current: bool,
}

impl SessionEntry {
    /// A session as the person sees it who asks by the session `current`.
    #[must_use]
    pub fn new(listed: ListedSession, current: SessionId) -> Self {
        let ListedSession { session, device } = listed;
        Self {
            id: session.id,
            device,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            is_current: session.id == current,
        }
    }
}

/// The body of `POST /api/v1/sessions/revoke`: one of the two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RevokeFields", into = "RevokeFields")]
pub enum RevokeSessionsRequest {
    /// `session_id`: ends this session of the person; their own is a sign-out.
    One(SessionId),
    /// `"others": true`: ends all of the person's sessions but the one that asks.
    Others,
}

#[derive(Serialize, Deserialize)]
struct RevokeFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_id: Option<SessionId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    others: bool,
}

impl TryFrom<RevokeFields> for RevokeSessionsRequest {
    type Error = &'static str;
    fn try_from(fields: RevokeFields) -> Result<Self, Self::Error> {
        match (fields.session_id, fields.others) {
            (Some(session_id), false) => Ok(Self::One(session_id)),
            (None, true) => Ok(Self::Others),
            _ => Err("either session_id or others"),
        }
    }
}

impl From<RevokeSessionsRequest> for RevokeFields {
    fn from(request: RevokeSessionsRequest) -> Self {
        match request {
            RevokeSessionsRequest::One(session_id) => Self { session_id: Some(session_id), others: false },
            RevokeSessionsRequest::Others => Self { session_id: None, others: true },
        }
    }
}

/// The body of `POST /api/v1/password`.
#[derive(Clone, Serialize, Deserialize)]
pub struct PasswordRequest {
    /// The password until now.
    pub current_password: String,
    /// The password from now on, 8 to 1,024 bytes.
    pub new_password: String,
}

/// The body of every HTTP error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpError {
    /// The stable name.
    pub code: ErrorCode,
    /// A text for the person who asked.
    pub message: String,
    /// In how many milliseconds asking again may help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}
