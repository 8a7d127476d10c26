//! What each event of a client does: one short function per event, each in its own file.

mod connect;
mod get_history;
mod get_rooms;
mod join_room;
mod leave_room;
mod mark_read;
mod send_message;
mod typing;

use std::rc::Rc;

use chat_protocol::{ClientEvent, ErrorCode, Request, ServerEvent, decode};

use crate::connection::socket::SocketWriter;
use crate::failure::Failure;
use crate::shard::{ConnectionKey, Gone, Shard};

/// A handler's shard and connection.
pub(crate) struct Scope<'s, W> {
    shard: &'s Rc<Shard<W>>,
    key: ConnectionKey,
}

impl<W> Clone for Scope<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Scope<'_, W> {}

/// What a handler comes to: an event that answers the request, or nothing to say now.
type Answer = Result<Option<ServerEvent>, Failure>;

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handled {
    /// It was a request, and is answered or under way.
    Taken,
    /// It was a request, and was told to come again later.
    Postponed(Refusal),
    /// It was no request, and was answered with an error.
    Illegible,
}

/// Why a request is to come again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// This person asks for too much.
    RateLimited,
    /// All together ask for too much, or the database does not answer.
    Overloaded,
}

/// Handles one frame of a signed-in client.
pub(crate) async fn handle<W: SocketWriter>(
    shard: &Rc<Shard<W>>,
    key: ConnectionKey,
    text: &str,
) -> Result<Handled, Gone> {
    let scope = Scope { shard, key };
    let request = decode(text);
    let is_legible = request.is_ok();
    let (id, answer) = match request {
        Ok(Request { id, event: ClientEvent::SendMessage(event) }) => {
            // The answer comes with the commit, which this task doesn't wait for.
            let answer = send_message::handle(scope, id.clone(), event);
            (id, answer)
        }
        Ok(Request { id, event }) => {
            let answer = Box::pin(dispatch(scope, id.as_deref(), event)).await;
            (id, answer)
        }
        Err(bad) => (bad.id, Err(Failure::new(bad.code, bad.message))),
    };
    let handled = match &answer {
        _ if !is_legible => Handled::Illegible,
        Err(failure) if failure.code == ErrorCode::RateLimited => Handled::Postponed(Refusal::RateLimited),
        Err(failure) if failure.retry_after_ms.is_some() => Handled::Postponed(Refusal::Overloaded),
        _ => Handled::Taken,
    };
    match answer {
        Ok(None) => {}
        Ok(Some(event)) => shard.answer(key, id.as_deref(), &event)?,
        Err(failure) => shard.refuse(key, id.as_deref(), failure)?,
    }
    Ok(handled)
}

async fn dispatch<W: SocketWriter>(scope: Scope<'_, W>, id: Option<&str>, event: ClientEvent) -> Answer {
    match event {
        ClientEvent::SendMessage(event) => send_message::handle(scope, id.map(str::to_owned), event),
        ClientEvent::TypingStart(event) => typing::start(scope, &event),
        ClientEvent::TypingStop(event) => typing::stop(scope, &event),
        ClientEvent::MarkRead(event) => mark_read::handle(scope, event).await,
        ClientEvent::Ping {} => Ok(Some(ServerEvent::Pong {})),
        ClientEvent::GetRooms {} => get_rooms::handle(scope).await,
        ClientEvent::JoinRoom(event) => join_room::handle(scope, id, event).await,
        ClientEvent::LeaveRoom(event) => leave_room::handle(scope, event).await,
        ClientEvent::GetHistory(event) => get_history::handle(scope, event).await,
        ClientEvent::Connect(event) => connect::handle(scope, event).await,
    }
}

/// A connection that ended in the middle of a request has nobody to answer.
impl From<Gone> for Failure {
    fn from(Gone: Gone) -> Self {
        Self::unauthenticated()
    }
}
