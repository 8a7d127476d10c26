//! `join_room`: membership, subscription and catching up, without a gap between them.
//!
//! The connection is subscribed first and its live events are held back; then one snapshot is read; then the answer
//! goes out, and behind it the held events that are newer than the snapshot.

use std::sync::Arc;

use chat_domain::limits::ROOMS_JOINED_MAX;
use chat_domain::{Command, JoinRoom, Position, RoomId, RoomReader};
use chat_protocol::events::{self, RoomJoined};
use chat_protocol::{ErrorCode, ServerEvent};

use super::{Answer, Scope};
use crate::connection::socket::SocketWriter;
use crate::failure::Failure;
use crate::frame;
use crate::node::Node;
use crate::node::rates::Act;
use crate::node::room_reads::RoomRead;
use crate::person::Person;
use crate::shard::ConnectionKey;
use crate::shard::state::Moment;

/// How often a join is tried whose subscription was ended in the middle of it, by a leave on another device.
const TRIES_MAX: u32 = 3;

pub(super) async fn handle<W: SocketWriter>(
    scope: Scope<'_, W>,
    id: Option<&str>,
    event: events::JoinRoom,
) -> Answer {
    let Scope { shard, key } = scope;
    let user = shard.user(key)?;
    shard.node.rates.take(Act::Join, user.id, shard.node.clock.now())?;
    let room_id = shard.node.directory.room(&event.room)?;
    let rooms_max = usize::try_from(ROOMS_JOINED_MAX).unwrap_or(usize::MAX);
    if !shard.is_subscribed(key, room_id) && shard.subscriptions(key) >= rooms_max {
        let text = format!("this connection hears {ROOMS_JOINED_MAX} rooms, which is the limit");
        return Err(Failure::new(ErrorCode::TooManyRooms, text));
    }
    let position = event.after.map(|after| Position { epoch: event.epoch, after });
    let reader = RoomReader { user_id: user.id, position };
    for _ in 0..TRIES_MAX {
        shard.hold_back(key, room_id)?;
        let snapshot = match member_snapshot(&shard.node, key, room_id, &reader).await {
            Ok(snapshot) => snapshot,
            Err(failure) => {
                shard.give_up_join(key, room_id);
                return Err(failure);
            }
        };
        // A connection that was closed meanwhile gets nothing more, and is not present.
        if !shard.is_open(key) {
            return Err(Failure::unauthenticated());
        }
        if shard.is_subscribed(key, room_id) {
            answer(scope, id, &user, &snapshot)?;
            return Ok(None);
        }
    }
    Err(Failure::new(ErrorCode::NotAMember, "the membership ended while it was made"))
}

/// Reads what a member sees; whoever is no member becomes one first.
async fn member_snapshot(
    node: &Node,
    key: ConnectionKey,
    room_id: RoomId,
    reader: &RoomReader,
) -> Result<Arc<RoomRead>, Failure> {
    match node.read_room(room_id, reader.clone()).await {
        Err(Failure { code: ErrorCode::NotAMember, .. }) => {
            let user_id = reader.user_id;
            node.execute(Command::JoinRoom(JoinRoom { user_id, room_id })).await?;
            // The person's other devices show the room as joined when they ask again.
            let changed = frame::of_event(&ServerEvent::RoomsChanged {}, None);
            node.send_to_user(user_id, &changed, Some(key.serial));
            node.read_room(room_id, reader.clone()).await
        }
        read => read,
    }
}

/// Makes the connection present, answers, and lets the live events through.
fn answer<W: SocketWriter>(
    Scope { shard, key }: Scope<'_, W>,
    id: Option<&str>,
    user: &Person,
    RoomRead { snapshot, people, messages }: &RoomRead,
) -> Result<(), Failure> {
    let node = &shard.node;
    let (room_id, last_seq) = (snapshot.room.id, snapshot.room.last_seq);
    node.directory.set_members(room_id, snapshot.room.members);
    node.tops.see(room_id, last_seq);
    if !shard.is_live(key, room_id) {
        node.presence.enter(room_id, user);
    }
    let event = ServerEvent::RoomJoined(RoomJoined {
        room: snapshot.room.name.clone(),
        epoch: snapshot.epoch.clone(),
        last_seq,
        members: u64::try_from(snapshot.room.members).unwrap_or(0),
        online: node.presence.online(room_id),
        participants: Vec::new(),
        messages: Vec::new(),
        has_more: snapshot.has_more,
        reset: snapshot.reset,
    });
    let participants = node.presence.list(room_id, people)?;
    let lists = [("participants", &participants), ("messages", messages)];
    let shown = Moment { seq: last_seq, control_seq: snapshot.control_seq };
    Ok(shard.go_live(key, room_id, shown, frame::of_event_with_lists(&event, id, &lists))?)
}
