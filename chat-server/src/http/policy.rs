//! What every request must keep to before anybody looks at what it asks for.

use chat_protocol::ErrorCode;
use hyper::header::{CONTENT_ENCODING, HOST, TRANSFER_ENCODING};
use hyper::http::uri::Authority;
use hyper::{Request, StatusCode, Version};

use super::answer::Refused;

/// Bytes of a path with its query, at most.
const TARGET_BYTES_MAX: usize = 2 * 1024;

/// Checks the form of a request.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Refused> {
    let refused = |status, text: &str| Err(Refused::with_status(status, ErrorCode::BadField, text));
    let headers = request.headers();
    let target_bytes = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target_bytes > TARGET_BYTES_MAX {
        let text = format!("the path has {target_bytes} bytes; the limit is {TARGET_BYTES_MAX}");
        return refused(StatusCode::URI_TOO_LONG, &text);
    }
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return refused(StatusCode::BAD_REQUEST, "a request names one Host");
    }
    if headers.get(HOST).is_some_and(|host| Authority::try_from(host.as_bytes()).is_err()) {
        return refused(StatusCode::BAD_REQUEST, "Host must be the name of a server");
    }
    // Beside a Content-Length the two would contradict each other, and hyper shows only this one of them. All bodies
    // here are short, so nobody needs it.
    if headers.contains_key(TRANSFER_ENCODING) {
        return refused(
            StatusCode::BAD_REQUEST,
            "a body names its Content-Length; Transfer-Encoding is not taken",
        );
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a body comes without Content-Encoding");
    }
    Ok(())
}
