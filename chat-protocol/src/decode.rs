//! A client's frame to a request with validated values, or to the error that answers it.
//!
//! One pass over the text, without allocating for what is dropped. Unknown fields are ignored, so that a newer
//! client can talk to an older server.

use std::borrow::Cow;

use chat_domain::limits::{KEY_CHARS_MAX, PAGE_MESSAGES_MAX};
use chat_domain::{Body, MessageKey, RoomName, Seq, ValueError};
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use crate::events::{Connect, GetHistory, JoinRoom, LeaveRoom, MarkRead, SendMessage, Typing};
use crate::{ClientEvent, ErrorCode, REQUEST_ID_BYTES_MAX};

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The id that the answer repeats.
    pub id: Option<String>,
    /// What is asked.
    pub event: ClientEvent,
}

/// Why a frame is no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRequest {
    /// The id that the answer repeats, where it could be read.
    pub id: Option<String>,
    /// The code of the answer.
    pub code: ErrorCode,
    /// The text of the answer.
    pub message: String,
}

/// Reads a client's frame.
///
/// # Errors
/// The error that answers it. Nothing that a client sends panics.
pub fn decode(text: &str) -> Result<Request, BadRequest> {
    let bad_json = |why: String| BadRequest {
        id: None,
        code: ErrorCode::BadJson,
        message: format!("the frame is not a JSON object: {why}"),
    };
    // A list would be taken for the fields in their order.
    if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err(bad_json("it does not begin with {".to_owned()));
    }
    let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| bad_json(harmless(&error)))?;
    let id = match fields.request_id() {
        Ok(id) => id,
        Err(refused) => return Err(refused.answering(None)),
    };
    match fields.event() {
        Ok(event) => Ok(Request { id, event }),
        Err(refused) => Err(refused.answering(id)),
    }
}

/// Says where the JSON breaks without repeating what the client sent.
fn harmless(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "not an object, or a field twice".to_owned(),
        _ => format!("line {} column {}", error.line(), error.column()),
    }
}

/// A code and a text on their way into a [`BadRequest`].
struct Refused(ErrorCode, String);

impl Refused {
    fn answering(self, id: Option<String>) -> BadRequest {
        BadRequest { id, code: self.0, message: self.1 }
    }

    fn field(name: &str, wanted: &str) -> Self {
        Self(ErrorCode::BadField, format!("field \"{name}\" must be {wanted}"))
    }
}

/// A field's value, as far as any event wants to know it.
#[derive(Debug, Clone)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Number(i64),
    Null,
    Other,
}

/// Every field of every request. A field may be missing, `null`, or of a wrong type: its event says what is wrong.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Value<'a>>,
    #[serde(borrow, default)]
    id: Option<Value<'a>>,
    #[serde(borrow, default)]
    room: Option<Value<'a>>,
    #[serde(borrow, default)]
    body: Option<Value<'a>>,
    #[serde(borrow, default)]
    key: Option<Value<'a>>,
    #[serde(borrow, default)]
    token: Option<Value<'a>>,
    #[serde(borrow, default)]
    epoch: Option<Value<'a>>,
    #[serde(borrow, default)]
    after: Option<Value<'a>>,
    #[serde(borrow, default)]
    before: Option<Value<'a>>,
    #[serde(borrow, default)]
    limit: Option<Value<'a>>,
    #[serde(borrow, default)]
    seq: Option<Value<'a>>,
}

impl Fields<'_> {
    fn request_id(&self) -> Result<Option<String>, Refused> {
        match &self.id {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(id)) if id.len() <= REQUEST_ID_BYTES_MAX => Ok(Some(id.clone().into_owned())),
            Some(_) => {
                Err(Refused::field("id", &format!("a string of at most {REQUEST_ID_BYTES_MAX} bytes")))
            }
        }
    }

    fn event(&self) -> Result<ClientEvent, Refused> {
        let kind = match &self.kind {
            Some(Value::Text(kind)) => kind.as_ref(),
            _ => return Err(Refused::field("type", "a string that names the event")),
        };
        Ok(match kind {
            "send_message" => ClientEvent::SendMessage(SendMessage {
                room: self.room()?,
                key: self.message_key()?,
                body: self.message_body()?,
            }),
            "typing_start" => ClientEvent::TypingStart(Typing { room: self.room()? }),
            "typing_stop" => ClientEvent::TypingStop(Typing { room: self.room()? }),
            "mark_read" => ClientEvent::MarkRead(MarkRead {
                room: self.room()?,
                seq: wanted("seq", optional_seq("seq", self.seq.as_ref())?)?,
            }),
            "ping" => ClientEvent::Ping {},
            "get_rooms" => ClientEvent::GetRooms {},
            "join_room" => ClientEvent::JoinRoom(JoinRoom {
                room: self.room()?,
                after: optional_seq("after", self.after.as_ref())?,
                epoch: self.epoch()?,
            }),
            "leave_room" => ClientEvent::LeaveRoom(LeaveRoom { room: self.room()? }),
            "get_history" => ClientEvent::GetHistory(GetHistory {
                room: self.room()?,
                before: wanted("before", optional_seq("before", self.before.as_ref())?)?,
                limit: self.limit()?,
            }),
            "connect" => {
                ClientEvent::Connect(Connect { token: text("token", self.token.as_ref())?.to_owned() })
            }
            _ => return Err(Refused(ErrorCode::UnknownType, "there is no event of that type".to_owned())),
        })
    }

    /// A text that can't be a room's name names no room.
    fn room(&self) -> Result<RoomName, Refused> {
        let name = text("room", self.room.as_ref())?;
        RoomName::new(name)
            .map_err(|error| Refused(ErrorCode::UnknownRoom, format!("there is no such room: {error}")))
    }

    fn message_body(&self) -> Result<Body, Refused> {
        Body::new(text("body", self.body.as_ref())?).map_err(|error| {
            let code = match error {
                ValueError::Empty { .. } => ErrorCode::EmptyBody,
                ValueError::Length { .. } => ErrorCode::MessageTooLong,
                ValueError::Character { .. } => ErrorCode::BadField,
            };
            Refused(code, error.to_string())
        })
    }

    fn message_key(&self) -> Result<MessageKey, Refused> {
        let missing = || {
            let text = format!("a send needs a \"key\" of 1 to {KEY_CHARS_MAX} printable ASCII characters");
            Refused(ErrorCode::KeyMissing, text)
        };
        match &self.key {
            None | Some(Value::Null) => Err(missing()),
            Some(Value::Text(key)) if key.is_empty() => Err(missing()),
            Some(_) => MessageKey::new(text("key", self.key.as_ref())?)
                .map_err(|error| Refused(ErrorCode::BadField, error.to_string())),
        }
    }

    /// An epoch that the server can't have given is as good as another epoch.
    fn epoch(&self) -> Result<Option<String>, Refused> {
        match &self.epoch {
            None | Some(Value::Null) => Ok(None),
            field => Ok(Some(text("epoch", field.as_ref())?.to_owned())),
        }
    }

    fn limit(&self) -> Result<u32, Refused> {
        match &self.limit {
            None | Some(Value::Null) => Ok(crate::events::default_history_limit()),
            Some(Value::Number(limit)) => u32::try_from(*limit)
                .ok()
                .filter(|limit| (1..=PAGE_MESSAGES_MAX).contains(limit))
                .ok_or_else(|| Refused::field("limit", &format!("1 to {PAGE_MESSAGES_MAX}"))),
            Some(_) => Err(Refused::field("limit", &format!("a number from 1 to {PAGE_MESSAGES_MAX}"))),
        }
    }
}

fn text<'f>(name: &str, field: Option<&'f Value<'_>>) -> Result<&'f str, Refused> {
    match field {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(Refused::field(name, "a string")),
    }
}

fn optional_seq(name: &str, field: Option<&Value<'_>>) -> Result<Option<Seq>, Refused> {
    match field {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) if *number >= 0 => Ok(Some(Seq::new(*number))),
        Some(_) => Err(Refused::field(name, "a whole number, 0 or greater")),
    }
}

fn wanted<T>(name: &str, value: Option<T>) -> Result<T, Refused> {
    value.ok_or_else(|| Refused::field(name, "there"))
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Value::Other, Value::Number))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}
