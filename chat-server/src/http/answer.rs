//! Answers: JSON, redirects, refusals, and the headers that every one of them carries.

use chat_protocol::{ErrorCode, HttpError};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::Answer;
use crate::failure::Failure;
use crate::node::Node;

/// The policy of the page: only what the server itself serves, and no way from a text to markup.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'";

/// Headers of every answer.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// A request that is not answered with what it asked for.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) failure: Failure,
    /// The methods that the path has, where another was used.
    allow: Option<&'static str>,
}

impl Refused {
    pub(super) fn not_found() -> Self {
        Self::with_status(StatusCode::NOT_FOUND, ErrorCode::UnknownType, "there is nothing at this path")
    }

    /// A path that has only these methods.
    pub(super) fn wrong_method(methods: &'static str) -> Self {
        let text = format!("this path has {methods}");
        let refused = Self::with_status(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::UnknownType, text);
        Self { allow: Some(methods), ..refused }
    }

    pub(super) fn with_status(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status, failure: Failure::new(code, message), allow: None }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        let status = match failure.code {
            ErrorCode::Unauthenticated | ErrorCode::WrongCredentials => StatusCode::UNAUTHORIZED,
            ErrorCode::Forbidden | ErrorCode::RegistrationClosed => StatusCode::FORBIDDEN,
            ErrorCode::UnknownSession => StatusCode::NOT_FOUND,
            ErrorCode::NameTaken => StatusCode::CONFLICT,
            ErrorCode::MessageTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::Overloaded | ErrorCode::Unavailable | ErrorCode::StorageFull => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, failure, allow: None }
    }
}

/// A refusal as an answer.
pub(super) fn refused(Refused { status, failure, allow }: Refused) -> Answer {
    let Failure { code, message, retry_after_ms } = failure;
    let mut answer = json(status, &HttpError { code, message, retry_after_ms });
    if status == StatusCode::UPGRADE_REQUIRED {
        let headers = answer.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    if let Some(methods) = allow {
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    }
    if let Some(ms) = retry_after_ms
        && let Ok(seconds) = HeaderValue::from_str(&ms.div_ceil(1_000).to_string())
    {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    answer
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    typed(status, "application/json; charset=utf-8", bytes.into())
}

/// An answer in plain text.
pub(super) fn text(body: &'static str) -> Answer {
    typed(StatusCode::OK, "text/plain; charset=utf-8", Bytes::from_static(body.as_bytes()))
}

/// An answer of some type.
pub(super) fn typed(status: StatusCode, content_type: &str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    answer
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// Leads elsewhere on this server.
pub(super) fn redirect(to: &'static str) -> Answer {
    let mut answer = empty(StatusCode::SEE_OTHER);
    answer.headers_mut().insert(header::LOCATION, HeaderValue::from_static(to));
    answer
}

/// Adds the headers of every answer. What says nothing else is not kept in any cache.
pub(super) fn secure(answer: &mut Answer, node: &Node) {
    let headers = answer.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if node.origins.is_https() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
