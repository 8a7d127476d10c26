//! `mark_read`: moves the read position, and tells the person's other connections.

use chat_domain::{Command, MarkRead, Outcome};
use chat_protocol::ServerEvent;
use chat_protocol::events::{self, Ack, ReadMarker};

use super::{Answer, Scope};
use crate::connection::socket::SocketWriter;
use crate::failure::Failure;
use crate::frame;
use crate::node::rates::Act;

pub(super) async fn handle<W: SocketWriter>(scope: Scope<'_, W>, event: events::MarkRead) -> Answer {
    let node = &scope.shard.node;
    let user_id = scope.shard.user(scope.key)?.id;
    node.rates.take(Act::Mark, user_id, node.clock.now())?;
    let room_id = node.directory.room(&event.room)?;
    let command = Command::MarkRead(MarkRead { user_id, room_id, seq: event.seq });
    let Outcome::ReadMarked(marked) = node.execute(command).await? else {
        return Err(Failure::internal("a mark came to something else"));
    };
    let marker = ReadMarker { room: event.room, read_seq: marked.read_seq, unread: marked.unread };
    let frame = frame::of_event(&ServerEvent::ReadMarker(marker), None);
    node.send_to_user(user_id, &frame, Some(scope.key.serial));
    Ok(Some(ServerEvent::Ack(Ack::default())))
}
