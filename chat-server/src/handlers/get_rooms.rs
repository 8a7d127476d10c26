//! `get_rooms`: the rooms as the person sees them, with who is connected right now.

use chat_domain::{RoomListing, Seq, get_rooms};
use chat_protocol::events::RoomsList;
use chat_protocol::{RoomEntry, RoomKind, ServerEvent};

use super::{Answer, Scope};
use crate::connection::socket::SocketWriter;
use crate::node::Node;
use crate::node::metrics::StoreRead;
use crate::node::rates::Act;

pub(super) async fn handle<W: SocketWriter>(scope: Scope<'_, W>) -> Answer {
    let node = &scope.shard.node;
    let user_id = scope.shard.user(scope.key)?.id;
    node.rates.take(Act::Read, user_id, node.clock.now())?;
    let listings = node.read(StoreRead::Rooms, move |repository| get_rooms(repository, user_id)).await?;
    let rooms = listings.into_iter().map(|listing| entry(node, listing)).collect();
    Ok(Some(ServerEvent::RoomsList(RoomsList { rooms })))
}

fn entry(node: &Node, RoomListing { room, participant, unread }: RoomListing) -> RoomEntry {
    node.directory.set_members(room.id, room.members);
    RoomEntry {
        online: node.presence.online(room.id),
        members: u64::try_from(room.members).unwrap_or(0),
        name: room.name,
        description: room.description,
        kind: RoomKind::Open,
        joined: participant.is_some(),
        last_seq: room.last_seq,
        read_seq: participant.map_or(Seq::ZERO, |participant| participant.read_seq),
        unread,
    }
}
