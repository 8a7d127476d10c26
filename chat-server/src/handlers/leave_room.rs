//! `leave_room`: ends the membership; the commit tells all connections that it concerns.

use chat_domain::{Command, LeaveRoom};
use chat_protocol::ServerEvent;
use chat_protocol::events::{self, Ack};

use super::{Answer, Scope};
use crate::connection::socket::SocketWriter;
use crate::node::rates::Act;

pub(super) async fn handle<W: SocketWriter>(scope: Scope<'_, W>, event: events::LeaveRoom) -> Answer {
    let node = &scope.shard.node;
    let user_id = scope.shard.user(scope.key)?.id;
    node.rates.take(Act::Join, user_id, node.clock.now())?;
    let room_id = node.directory.room(&event.room)?;
    node.execute(Command::LeaveRoom(LeaveRoom { user_id, room_id })).await?;
    node.control_changed.notify_one();
    Ok(Some(ServerEvent::Ack(Ack::default())))
}
