//! Raw bytes on a new connection: HTTP requests, and what comes behind an upgrade.
//!
//! The first byte says into pieces of how many bytes the rest is cut (its lower six bits; 0 is one piece).
#![no_main]

use chat_fuzz::frames;
use chat_fuzz::listener::check_error_text;
use chat_protocol::{ErrorCode, HttpError};
use chat_server::fuzzing::Chat;
use libfuzzer_sys::fuzz_target;

/// Pieces that are looked at one by one, at most; what is left comes at once.
const PIECES_MAX: usize = 64;
/// Milliseconds after which every connection is gone.
const GONE_MS: u64 = 180_000;
/// The statuses of the answers. 500 is a defect.
const STATUSES: [u16; 20] =
    [101, 200, 201, 204, 303, 400, 401, 403, 404, 405, 408, 409, 411, 413, 414, 415, 426, 429, 431, 503];

fuzz_target!(|bytes: &[u8]| {
    let Some((&manner, bytes)) = bytes.split_first() else { return };
    let piece = match usize::from(manner & 0x3f) {
        0 => usize::MAX,
        bytes => bytes,
    };
    let written = Chat::run(async |chat| {
        let wire = chat.http();
        let (first, rest) = bytes.split_at(piece.saturating_mul(PIECES_MAX).min(bytes.len()));
        for piece in first.chunks(piece).chain([rest]) {
            wire.send(piece);
            chat.settle().await;
        }
        wire.finish();
        chat.settle().await;
        if !wire.has_ended() {
            chat.wait_ms(GONE_MS).await;
        }
        assert!(wire.has_ended(), "the connection stays");
        wire.take_written()
    });
    check(written, bytes.starts_with(b"HEAD "));
});

/// The first answer has a known status and says what is wrong in a harmless text.
fn check(mut written: Vec<u8>, is_head: bool) {
    if written.is_empty() {
        return;
    }
    let end = written.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a whole head");
    let body: Vec<u8> = written.split_off(end + 4);
    let head = String::from_utf8(written).expect("a head in ASCII").to_lowercase();
    let status: u16 =
        head.strip_prefix("http/1.").and_then(|rest| rest.get(2..5)?.parse().ok()).expect("a status");
    assert!(STATUSES.contains(&status), "{head}");
    if status == 101 {
        return check_frames(body);
    }
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let bytes: usize = field("content-length").map_or(0, |bytes| bytes.parse().expect("a length"));
    if bytes == 0 {
        // What hyper answers by itself, and what has no body.
        return;
    }
    assert_eq!(field("x-content-type-options"), Some("nosniff"), "{head}");
    if status < 400 || is_head {
        return;
    }
    let error: HttpError =
        serde_json::from_slice(body.get(..bytes).expect("a whole body")).expect("an error");
    assert_ne!(error.code, ErrorCode::Internal, "a defect of the server");
    assert_eq!(error.retry_after_ms.is_some(), error.code.may_retry(), "{error:?}");
    check_error_text(&error.message);
}

fn check_frames(mut body: Vec<u8>) {
    while frames::next(&mut body).is_some() {}
    assert!(body.is_empty(), "half a frame");
}
