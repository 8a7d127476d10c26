//! `typing_start` and `typing_stop`: told to the others of the room, never stored.

use std::sync::PoisonError;

use chat_domain::{AccessError, RoomId};
use chat_protocol::events::Typing;

use super::{Answer, Scope};
use crate::connection::socket::SocketWriter;
use crate::failure::Failure;
use crate::node::rates::Act;
use crate::person::Person;

pub(super) fn start<W: SocketWriter>(scope: Scope<'_, W>, event: &Typing) -> Answer {
    let (room_id, user) = door(scope, event)?;
    let node = &scope.shard.node;
    let change =
        node.typing.lock().unwrap_or_else(PoisonError::into_inner).start(room_id, user.id, node.clock.now());
    if let Some(change) = change {
        node.tell_typing(change, &user);
    }
    Ok(None)
}

pub(super) fn stop<W: SocketWriter>(scope: Scope<'_, W>, event: &Typing) -> Answer {
    let (room_id, user) = door(scope, event)?;
    scope.shard.node.stop_typing(room_id, &user);
    Ok(None)
}

/// A connection that hears a room live came through the door of a join, and loses it with the membership.
fn door<W: SocketWriter>(scope: Scope<'_, W>, event: &Typing) -> Result<(RoomId, Person), Failure> {
    let user = scope.shard.user(scope.key)?;
    let node = &scope.shard.node;
    node.rates.take(Act::Typing, user.id, node.clock.now())?;
    let room_id = node.directory.room(&event.room)?;
    if scope.shard.is_live(scope.key, room_id) {
        Ok((room_id, user))
    } else {
        Err(AccessError::NotAMember.into())
    }
}
