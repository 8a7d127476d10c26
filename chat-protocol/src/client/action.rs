//! What the state machine answers: orders to whoever holds the socket, and events for the application.

use chat_domain::{MessageKey, RoomName, Seq};

use crate::client::{Refusal, RequestId};
use crate::events::{NewMessage, RoomJoined, RoomLeftReason};
use crate::{ServerEvent, User};

/// What whoever holds the socket is to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Open a connection after so many milliseconds, then say `opened`, `upgrade_refused` or `closed`.
    Open {
        /// The delay.
        after_ms: u64,
    },
    /// Send this text frame. It may hold a token: it is not for a log.
    Send(String),
    /// Let the connection go without waiting for its closing handshake, and hand in nothing more of it.
    Close,
    /// Give this to the application.
    Tell(Event),
    /// Do not come back.
    Stop(End),
}

/// What the application learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Signed in; the rooms follow.
    Connected {
        /// Who is signed in.
        user: User,
    },
    /// The connection is gone and another one is under way: nobody is known to type or to be there.
    Disconnected {
        /// The close code; 1006 where there was none.
        code: u16,
    },
    /// A room was joined, resumed or reset.
    Room {
        /// What the server said.
        joined: RoomJoined,
        /// What to do with what is held of the room.
        take: Take,
    },
    /// The next change of a room. It takes the place of a held message only if its `changed_seq` is greater.
    Message(NewMessage),
    /// The membership ended: what is held of the room goes.
    RoomLeft {
        /// Of which room.
        room: RoomName,
        /// Why.
        reason: RoomLeftReason,
    },
    /// The room can't be joined; it is tried no more.
    RoomRefused {
        /// Which room.
        room: RoomName,
        /// Why.
        refusal: Refusal,
    },
    /// A message of the outbox is stored: it was acknowledged, or seen in its room.
    Sent {
        /// In which room.
        room: RoomName,
        /// Its key.
        key: MessageKey,
        /// Its number.
        seq: Option<Seq>,
    },
    /// A message of the outbox will never be stored under this key; it has left the outbox.
    SendFailed {
        /// For which room.
        room: RoomName,
        /// Its key.
        key: MessageKey,
        /// Why.
        refusal: Refusal,
    },
    /// The answer to a question of the application.
    Answer {
        /// To which.
        id: RequestId,
        /// What the server said.
        event: ServerEvent,
    },
    /// A question of the application that got no answer. With [`Refusal::DISCONNECTED`] it may be asked again. Also the
    /// client's own question for the list of rooms, without which no room is joined again: it goes on asking.
    Refused {
        /// Which.
        id: RequestId,
        /// Why.
        refusal: Refusal,
    },
    /// Anything else that the server tells: presence, typing, read markers, changed rooms.
    Live(ServerEvent),
}

/// What the application does with what it holds of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Drop it all, take the messages, page back from them.
    Afresh,
    /// Keep it, and merge the messages into it.
    Changes,
}

/// Why the client does not come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The server closed with a code that says so.
    Closed {
        /// The code.
        code: u16,
    },
    /// The upgrade was answered with an HTTP status that says so.
    Upgrade {
        /// The status.
        status: u16,
    },
    /// The first frame `connect` was refused.
    SignIn(Refusal),
    /// Somebody else is signed in now; the outbox belongs to the one before.
    OtherUser,
    /// The application asked for it.
    Asked,
}
