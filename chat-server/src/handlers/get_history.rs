//! `get_history`: a page of older messages.

use chat_domain::get_history;
use chat_protocol::ServerEvent;
use chat_protocol::events::{self, History};

use super::{Answer, Scope};
use crate::connection::socket::SocketWriter;
use crate::node::metrics::StoreRead;
use crate::node::rates::Act;

pub(super) async fn handle<W: SocketWriter>(scope: Scope<'_, W>, event: events::GetHistory) -> Answer {
    let node = &scope.shard.node;
    let user_id = scope.shard.user(scope.key)?.id;
    node.rates.take(Act::Read, user_id, node.clock.now())?;
    let room_id = node.directory.room(&event.room)?;
    let (before, limit) = (event.before, event.limit);
    let request = chat_domain::GetHistory { user_id, room_id, before, limit };
    let page = node.read(StoreRead::History, move |repository| get_history(repository, request)).await?;
    Ok(Some(ServerEvent::History(History {
        room: event.room,
        messages: page.messages.into_iter().map(Into::into).collect(),
        has_more: page.has_more,
    })))
}
