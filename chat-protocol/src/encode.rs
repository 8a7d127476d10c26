//! Events to JSON.

use serde::{Deserialize, Serialize};

use crate::{ClientEvent, ServerEvent};

/// Appends an event's JSON to a buffer.
///
/// # Errors
/// Never for the events of this crate: they hold nothing that JSON can't.
pub fn encode(event: &ServerEvent, buffer: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(buffer, event)
}

/// Appends the JSON of an event that answers the request with the id `re`.
///
/// # Errors
/// Never for the events of this crate.
pub fn encode_answer(event: &ServerEvent, re: Option<&str>, buffer: &mut Vec<u8>) -> serde_json::Result<()> {
    let Some(re) = re else { return encode(event, buffer) };
    #[derive(Serialize)]
    struct Answer<'a> {
        re: &'a str,
    }
    let start = buffer.len();
    encode(event, buffer)?;
    // `{"type":"…"` is how every event begins; the id goes after the type's name.
    let name_starts = start + r#"{"type":""#.len();
    let name_bytes = buffer.iter().skip(name_starts).take_while(|&&byte| byte != b'"').count();
    let id = serde_json::to_string(&Answer { re })?;
    let field = id.trim_start_matches('{').trim_end_matches('}');
    let at = name_starts + name_bytes + 1;
    buffer.splice(at..at, [b','].into_iter().chain(field.bytes()));
    Ok(())
}

/// A client's request as JSON.
///
/// # Errors
/// Never for the events of this crate.
pub fn encode_request(event: &ClientEvent, id: Option<&str>) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Frame<'a> {
        #[serde(flatten)]
        event: &'a ClientEvent,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
    }
    serde_json::to_string(&Frame { event, id })
}

/// A server's frame, as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ServerFrame {
    /// The id of the request that this answers.
    #[serde(default)]
    pub re: Option<String>,
    /// The event.
    #[serde(flatten)]
    pub event: ServerEvent,
}
