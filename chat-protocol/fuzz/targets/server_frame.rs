//! What a server sends, as a client reads it: what is understood is written and read again as the same.
#![no_main]

use chat_protocol::{ServerEvent, ServerFrame, encode_answer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(frame) = serde_json::from_str::<ServerFrame>(text) else { return };
    if frame.event == ServerEvent::Unknown {
        return;
    }
    let mut again = Vec::new();
    encode_answer(&frame.event, frame.re.as_deref(), &mut again).expect("JSON");
    let read: ServerFrame = serde_json::from_slice(&again).expect("an event");
    assert_eq!(read, frame, "{}", String::from_utf8_lossy(&again));
});
