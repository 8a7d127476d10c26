//! The JSON bodies of the HTTP requests that sign people in.

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
