//! A server's frame to what the client does about it. A newer server's events are borne.

use chat_domain::{RoomName, Seq};
use serde::Deserialize;

use crate::client::{Refusal, RequestId};
use crate::{ServerEvent, ServerFrame};

/// What a frame is.
#[derive(Debug)]
pub(super) enum Incoming {
    /// An event, maybe an answer.
    Event { re: Option<RequestId>, event: ServerEvent },
    /// A refusal, maybe of a request.
    Refusal { re: Option<RequestId>, refusal: Refusal },
    /// An event of a type or form that this client doesn't know, with a number: the room has changed.
    Number { room: RoomName, seq: Seq },
    /// Nothing that this client knows.
    Unknown { re: Option<RequestId> },
}

/// The fields by which an unknown event is counted.
#[derive(Deserialize)]
struct Bare {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    re: Option<String>,
    #[serde(default)]
    room: Option<RoomName>,
    #[serde(default)]
    seq: Option<Seq>,
}

/// Reads a frame. What can't be read costs what it says, never the connection.
pub(super) fn read(text: &str) -> Incoming {
    match serde_json::from_str::<ServerFrame>(text) {
        Ok(ServerFrame { event: ServerEvent::Unknown, .. }) | Err(_) => read_bare(text),
        Ok(ServerFrame { re, event: ServerEvent::Error(error) }) => Incoming::Refusal {
            re: id(re.as_deref()),
            refusal: Refusal {
                code: error.code.as_str().into(),
                message: error.message.into(),
                retry_after_ms: error.retry_after_ms,
            },
        },
        Ok(ServerFrame { re, event }) => Incoming::Event { re: id(re.as_deref()), event },
    }
}

fn read_bare(text: &str) -> Incoming {
    let Ok(bare) = serde_json::from_str::<Bare>(text) else { return Incoming::Unknown { re: None } };
    let re = id(bare.re.as_deref());
    // A code that this client doesn't know.
    if bare.kind.as_deref() == Some("error")
        && let Ok(refusal) = serde_json::from_str::<Refusal>(text)
    {
        return Incoming::Refusal { re, refusal };
    }
    match (re, bare.room, bare.seq) {
        (None, Some(room), Some(seq)) => Incoming::Number { room, seq },
        _ => Incoming::Unknown { re },
    }
}

fn id(re: Option<&str>) -> Option<RequestId> {
    re.and_then(|re| re.parse().ok()).map(RequestId)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let read = format!("{:?}", read(text));
        assert!(read.starts_with(expected), "{text}: {read}");
    }

    #[test]
    fn a_newer_servers_frames_cost_what_they_say_and_no_more() {
        check(r#"{"type":"pong","re":"7"}"#, "Event { re: Some(RequestId(7)), event: Pong");
        check(
            r#"{"type":"error","re":"7","code":"rate_limited","message":"x","retry_after_ms":3}"#,
            "Refusal",
        );
        check(
            r#"{"type":"error","re":"7","code":"slow_mode","message":"x"}"#,
            "Refusal { re: Some(RequestId(7))",
        );
        check(
            r#"{"type":"reaction","room":"general","seq":7,"emoji":"x"}"#,
            "Number { room: RoomName(\"general\")",
        );
        check(r#"{"type":"new_message","room":"general","seq":7,"message":{"kind":"poll"}}"#, "Number");
        check(
            r#"{"type":"room_joined","re":"7","room":"general","seq":3}"#,
            "Unknown { re: Some(RequestId(7)) }",
        );
        check(r#"{"type":"news"}"#, "Unknown { re: None }");
        check("not JSON", "Unknown { re: None }");
        check("[]", "Unknown { re: None }");
    }
}
