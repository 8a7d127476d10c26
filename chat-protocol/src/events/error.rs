//! `error`: a request was refused, and nothing of it is done unless the code says "unknown".

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// The stable name.
    pub code: ErrorCode,
    /// A text for the person: it names the thing and the limit.
    pub message: String,
    /// In how many milliseconds asking again may help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}
