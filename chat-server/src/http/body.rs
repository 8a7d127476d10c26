//! JSON bodies: the right type, within their bytes and their time.

use std::time::Duration;

use chat_protocol::ErrorCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use serde::de::DeserializeOwned;

use super::answer::Refused;
use crate::node::Node;

/// Bytes in a request's body, at most.
const BODY_BYTES_MAX: usize = 8 * 1024;

/// Reads a JSON body.
pub(super) async fn read<T: DeserializeOwned>(node: &Node, request: Request<Incoming>) -> Result<T, Refused> {
    let content_type =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !content_type.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json") {
        return Err(Refused::with_status(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::BadJson,
            "the body must be JSON with Content-Type: application/json",
        ));
    }
    let too_long = || {
        Refused::with_status(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::MessageTooLong,
            format!("the body is longer than {BODY_BYTES_MAX} bytes"),
        )
    };
    // What is announced is refused before it comes.
    if usize::try_from(request.body().size_hint().lower()).map_or(true, |bytes| bytes > BODY_BYTES_MAX) {
        return Err(too_long());
    }
    let limit = Duration::from_millis(node.timers.body_timeout_ms);
    let body = tokio::time::timeout(limit, Limited::new(request.into_body(), BODY_BYTES_MAX).collect());
    let bytes = match body.await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(too_long());
        }
        Ok(Err(_)) => return Err(bad_json("the body broke off")),
        Err(_) => {
            let text = "the body did not come in time";
            return Err(Refused::with_status(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadJson, text));
        }
    };
    // What the client sent is not repeated: it may hold a password.
    serde_json::from_slice(&bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => Refused::with_status(
                StatusCode::BAD_REQUEST,
                ErrorCode::BadField,
                format!("a field is missing or has a wrong type (line {line} column {column})"),
            ),
            _ => bad_json(&format!("the body is not JSON (line {line} column {column})")),
        }
    })
}

fn bad_json(message: &str) -> Refused {
    Refused::with_status(StatusCode::BAD_REQUEST, ErrorCode::BadJson, message)
}
