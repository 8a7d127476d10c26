//! The events, one file each for what the client asks and the server answers to it.

mod ack;
mod connect;
mod error;
mod get_history;
mod get_rooms;
mod join_room;
mod leave_room;
mod mark_read;
mod presence;
mod send_message;
mod status;
mod typing;

pub use ack::Ack;
pub use connect::Connect;
pub use error::Error;
pub(crate) use get_history::default_limit as default_history_limit;
pub use get_history::{GetHistory, History};
pub use get_rooms::RoomsList;
pub use join_room::{JoinRoom, RoomJoined};
pub use leave_room::{LeaveRoom, RoomLeft, RoomLeftReason};
pub use mark_read::{MarkRead, ReadMarker};
pub use presence::{Presence, UserJoined, UserLeft, UserLeftReason};
pub use send_message::{Changed, NewMessage, SendMessage};
pub use status::Status;
pub use typing::{Typing, UserTyping};

use serde::{Deserialize, Serialize};

/// What a client may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientEvent {
    /// Signs this connection in, or renews its token.
    Connect(Connect),
    /// Asks whether the server is there, for pages, which see no WebSocket pings.
    Ping {},
    /// Asks for the rooms.
    GetRooms {},
    /// Becomes a member of a room and subscribes this connection to it.
    JoinRoom(JoinRoom),
    /// Ends the membership on all the person's connections.
    LeaveRoom(LeaveRoom),
    /// Pages back.
    GetHistory(GetHistory),
    /// Sends a message.
    SendMessage(SendMessage),
    /// Moves the read position forward.
    MarkRead(MarkRead),
    /// Says that the person types.
    TypingStart(Typing),
    /// Says that the person no longer types.
    TypingStop(Typing),
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerEvent {
    /// How this connection stands: signed in, or about to be closed.
    Status(Status),
    /// The answer to `ping`.
    Pong {},
    /// The answer to `get_rooms`.
    RoomsList(RoomsList),
    /// A room appeared or went: ask again.
    RoomsChanged {},
    /// The answer to `join_room`.
    RoomJoined(RoomJoined),
    /// The membership of this connection's person ended.
    RoomLeft(RoomLeft),
    /// The answer to `get_history`.
    History(History),
    /// The answer to what has nothing else to tell.
    Ack(Ack),
    /// A message was stored.
    NewMessage(NewMessage),
    /// A number without content: whoever misses it catches up with `join_room`.
    Changed(Changed),
    /// The person read on another connection.
    ReadMarker(ReadMarker),
    /// Somebody became present.
    UserJoined(UserJoined),
    /// Somebody is no longer present.
    UserLeft(UserLeft),
    /// Who is present, afresh.
    Presence(Presence),
    /// Somebody types, or no longer does.
    UserTyping(UserTyping),
    /// A request was refused.
    Error(Error),
    /// An event of a newer server.
    #[serde(other)]
    Unknown,
}
