//! A membership that ended, wherever that came from: a commit of this node, or the control log.

use chat_domain::{ControlSeq, RoomId, UserId};
use chat_protocol::ServerEvent;
use chat_protocol::events::{RoomLeft, RoomLeftReason};

use crate::frame;
use crate::node::Node;
use crate::shard::inbox::Unsubscribe;

/// A membership that ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndedMembership {
    pub(crate) room_id: RoomId,
    pub(crate) user_id: UserId,
    /// The entry of the control log that says so.
    pub(crate) control_seq: ControlSeq,
}

impl EndedMembership {
    /// Ends what the person hears of the room, on all connections of this node, and with the last of them their presence.
    pub(crate) fn tell(self, node: &Node) {
        let Self { room_id, user_id, control_seq } = self;
        node.room_reads.note_ended();
        let Some(room) = node.directory.name(room_id) else { return };
        if let Some(user) = node.presence.user(room_id, user_id) {
            node.stop_typing(room_id, &user);
        }
        node.unsubscribe(Unsubscribe {
            room_id,
            user_id: Some(user_id),
            control_seq,
            frame: frame::of_event(
                &ServerEvent::RoomLeft(RoomLeft { room, reason: RoomLeftReason::Left }),
                None,
            ),
        });
    }
}
