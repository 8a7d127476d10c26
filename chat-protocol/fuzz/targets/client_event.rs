//! What a client sends: read into a request with good values, or refused with a name.
#![no_main]

use chat_fuzz::listener::check_error;
use chat_protocol::events::Error;
use chat_protocol::{REQUEST_ID_BYTES_MAX, decode, encode_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let id = match decode(text) {
        Ok(request) => {
            let again = encode_request(&request.event, request.id.as_deref()).expect("JSON");
            assert_eq!(decode(&again).as_ref(), Ok(&request), "{again}");
            request.id
        }
        Err(bad) => {
            check_error(&Error { code: bad.code, message: bad.message, retry_after_ms: None });
            bad.id
        }
    };
    assert!(id.is_none_or(|id| id.len() <= REQUEST_ID_BYTES_MAX));
});
