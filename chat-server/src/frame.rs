//! WebSocket frames of the server (RFC 6455 section 5.2): unmasked, so identical for every recipient.

use bytes::Bytes;
use chat_protocol::{CloseCode, JsonList, ServerEvent};

/// Bytes in the longest header of an unmasked frame.
const HEADER_BYTES_MAX: usize = 10;

const FINAL_TEXT: u8 = 0x81;
#[cfg(feature = "echo")]
const FINAL_BINARY: u8 = 0x82;
const FINAL_CLOSE: u8 = 0x88;
const FINAL_PING: u8 = 0x89;

/// Appends an event as one text frame.
pub(crate) fn append_event(event: &ServerEvent, re: Option<&str>, buffer: &mut Vec<u8>) {
    let start = buffer.len();
    // The header's length depends on the payload's: leave room for the longest and close the gap.
    buffer.extend_from_slice(&[0; HEADER_BYTES_MAX]);
    if let Err(error) = chat_protocol::encode_answer(event, re, buffer) {
        tracing::error!(%error, "an event could not be encoded");
        buffer.truncate(start);
        return;
    }
    let payload_bytes = buffer.len() - start - HEADER_BYTES_MAX;
    let (header, header_bytes) = header(FINAL_TEXT, payload_bytes);
    buffer.splice(start..start + HEADER_BYTES_MAX, header.into_iter().take(header_bytes));
}

/// An event as one text frame.
pub(crate) fn of_event(event: &ServerEvent, re: Option<&str>) -> Bytes {
    let mut buffer = Vec::with_capacity(256);
    append_event(event, re, &mut buffer);
    buffer.into()
}

/// An event as one text frame, with lists in the place of its empty ones, in their order.
pub(crate) fn of_event_with_lists(
    event: &ServerEvent,
    re: Option<&str>,
    lists: &[(&str, &JsonList)],
) -> Bytes {
    let mut buffer = vec![0; HEADER_BYTES_MAX];
    if let Err(error) = chat_protocol::encode_with_lists(event, re, lists, &mut buffer) {
        tracing::error!(%error, "an event could not be encoded");
        return Bytes::new();
    }
    // Its lists are long: the header goes right before the payload, and the gap in front of it is cut off.
    let (header, header_bytes) = header(FINAL_TEXT, buffer.len() - HEADER_BYTES_MAX);
    let gap = HEADER_BYTES_MAX - header_bytes;
    for (to, from) in buffer.iter_mut().skip(gap).zip(header.into_iter().take(header_bytes)) {
        *to = from;
    }
    Bytes::from(buffer).slice(gap..)
}

/// A close frame.
pub(crate) fn of_close(code: CloseCode) -> Bytes {
    let reason = code.reason().as_bytes();
    let mut buffer = vec![FINAL_CLOSE, u8::try_from(reason.len() + 2).unwrap_or(2)];
    buffer.extend_from_slice(&code.code().to_be_bytes());
    buffer.extend_from_slice(reason);
    buffer.into()
}

/// A text as one frame.
#[cfg(feature = "echo")]
pub(crate) fn of_text(text: &[u8]) -> Bytes {
    of_payload(FINAL_TEXT, text)
}

/// A binary message as one frame.
#[cfg(feature = "echo")]
pub(crate) fn of_binary(bytes: &[u8]) -> Bytes {
    of_payload(FINAL_BINARY, bytes)
}

#[cfg(feature = "echo")]
fn of_payload(first: u8, payload: &[u8]) -> Bytes {
    let (header, header_bytes) = header(first, payload.len());
    let mut frame = Vec::with_capacity(HEADER_BYTES_MAX + payload.len());
    frame.extend(header.into_iter().take(header_bytes));
    frame.extend_from_slice(payload);
    frame.into()
}

/// An empty ping.
pub(crate) const PING: Bytes = Bytes::from_static(&[FINAL_PING, 0]);

fn header(first: u8, payload_bytes: usize) -> ([u8; HEADER_BYTES_MAX], usize) {
    let mut header = [0; HEADER_BYTES_MAX];
    let mut bytes = vec![first];
    if let Ok(short @ 0..=125) = u8::try_from(payload_bytes) {
        bytes.push(short);
    } else if let Ok(medium) = u16::try_from(payload_bytes) {
        bytes.push(126);
        bytes.extend_from_slice(&medium.to_be_bytes());
    } else {
        bytes.push(127);
        bytes.extend_from_slice(&u64::try_from(payload_bytes).unwrap_or(u64::MAX).to_be_bytes());
    }
    for (to, from) in header.iter_mut().zip(&bytes) {
        *to = *from;
    }
    (header, bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_protocol::events::Error;

    fn frame_of(payload_bytes: usize) -> Bytes {
        let empty = of_event(&error(0), None).len() - 2;
        of_event(&error(payload_bytes - empty), None)
    }

    fn error(text_bytes: usize) -> ServerEvent {
        ServerEvent::Error(Error {
            code: chat_protocol::ErrorCode::Internal,
            message: "x".repeat(text_bytes),
            retry_after_ms: None,
        })
    }

    #[test]
    fn an_event_with_lists_is_framed_as_one_without() {
        for payload_bytes in [50, 125, 126, 65_535, 65_536] {
            let frame = frame_of(payload_bytes);
            let empty = of_event(&error(0), None).len() - 2;
            assert_eq!(of_event_with_lists(&error(payload_bytes - empty), None, &[]), frame);
        }
    }

    #[test]
    fn headers_grow_with_the_payload() {
        assert_eq!(frame_of(125)[..2], [0x81, 125]);
        assert_eq!(frame_of(126)[..4], [0x81, 126, 0, 126]);
        assert_eq!(frame_of(65_535)[..4], [0x81, 126, 0xff, 0xff]);
        assert_eq!(frame_of(65_536)[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(frame_of(65_536).len(), 65_536 + 10);
    }
}
