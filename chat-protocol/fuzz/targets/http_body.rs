//! The JSON bodies of HTTP requests and answers: what is understood is written and read again as the same.
#![no_main]

use chat_protocol::{
    HttpError, LoginAnswer, LoginRequest, PasswordRequest, RegisterAnswer, RegisterRequest,
    RevokeSessionsRequest, SessionsAnswer,
};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|body: &[u8]| {
    check::<RegisterRequest>(body);
    check::<RegisterAnswer>(body);
    check::<LoginRequest>(body);
    check::<LoginAnswer>(body);
    check::<PasswordRequest>(body);
    check::<RevokeSessionsRequest>(body);
    check::<SessionsAnswer>(body);
    check::<HttpError>(body);
});

fn check<T: Serialize + DeserializeOwned>(body: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(body) else { return };
    let written = serde_json::to_value(&value).expect("JSON");
    let again: T = serde_json::from_value(written.clone()).expect("what was written can be read");
    assert_eq!(serde_json::to_value(&again).expect("JSON"), written);
}
