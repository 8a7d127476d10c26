//! The wire protocol `chat.v1`: one JSON object per WebSocket text frame, the field `type` names the event.
//!
//! [`ClientEvent`] is what a client may ask for, [`ServerEvent`] what a server says. [`decode`] reads a client's
//! frame into a request whose values are all validated, or into the error that answers it; [`encode`] writes an
//! event; [`client`] is the state machine that keeps a client's side of the contract. [`ErrorCode`] and [`CloseCode`] are the stable numbers and names that clients act on.
//! The prose is in `docs/protocol.md`, whose reference is checked against these types.
#![forbid(unsafe_code)]

pub mod client;
mod close_code;
mod decode;
mod encode;
mod error_code;
pub mod events;
mod http;
mod lists;
mod objects;

pub use close_code::CloseCode;
pub use decode::{BadRequest, Request, decode};
pub use encode::{ServerFrame, encode, encode_answer, encode_request};
pub use error_code::ErrorCode;
pub use events::{ClientEvent, ServerEvent};
pub use http::{
    HttpError, LoginAnswer, LoginRequest, PasswordRequest, RegisterAnswer, RegisterRequest,
    RevokeSessionsRequest, SessionEntry, SessionsAnswer,
};
pub use lists::{JsonList, JsonUser, encode_with_lists};
pub use objects::{Limits, Message, Participant, RoomEntry, RoomKind, User};

/// The WebSocket subprotocol, which a client may name.
pub const SUBPROTOCOL: &str = "chat.v1";
/// The level of the protocol, raised with every addition.
pub const PROTOCOL_LEVEL: u32 = 1;
/// Bytes in a client's frame, at most; a longer one closes the connection with 1009.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes in a request's `id`, at most.
pub const REQUEST_ID_BYTES_MAX: usize = 64;
