//! `send_message`: to the writer; the answer comes with the commit.

use chat_domain::{Command, SendMessage};
use chat_protocol::events;

use super::{Answer, Scope};
use crate::connection::socket::SocketWriter;
use crate::node::rates::Act;

pub(super) fn handle<W: SocketWriter>(
    scope: Scope<'_, W>,
    id: Option<String>,
    event: events::SendMessage,
) -> Answer {
    let Scope { shard, key } = scope;
    let user = shard.user(key)?;
    shard.node.rates.take(Act::Message, user.id, shard.node.clock.now())?;
    // What was stored before the room was archived is acknowledged under its key for ever.
    let room_id = shard.node.directory.any_room(&event.room)?;
    shard.node.stop_typing(room_id, &user);
    let command = SendMessage { user_id: user.id, room_id, body: event.body, key: event.key };
    shard.submit(key, id, Command::SendMessage(command))?;
    Ok(None)
}
