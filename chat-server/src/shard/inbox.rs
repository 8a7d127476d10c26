//! What other threads post to a shard.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chat_domain::{ControlSeq, RoomId, Seq, UserId};
use chat_protocol::CloseCode;
use chat_protocol::events::Ack;
use chat_store::{Audience, CreditShare};
use tokio::sync::Notify;

use crate::failure::Failure;
use crate::node::connections::ConnectionAddress;

/// Ephemeral events that may wait in an inbox, at most; more are dropped.
pub(crate) const EPHEMERAL_MAX: usize = 4_096;

/// Frames of one room in one commit, concatenated; `last` is the number of the last change in them.
#[derive(Debug, Clone)]
pub(crate) struct RoomFrames {
    pub(crate) room_id: RoomId,
    pub(crate) last: Seq,
    /// How many on this node hear the room.
    pub(crate) audience: Audience,
    pub(crate) frames: Bytes,
}

/// Whom to tell nothing more of a room.
#[derive(Debug, Clone)]
pub(crate) struct Unsubscribe {
    pub(crate) room_id: RoomId,
    /// `None` for everybody.
    pub(crate) user_id: Option<UserId>,
    /// The entry of the control log that says so. Whoever entered with a snapshot that shows it is back, and stays.
    pub(crate) control_seq: ControlSeq,
    /// What they are told instead.
    pub(crate) frame: Bytes,
}

/// Something for a shard to do.
#[derive(Debug)]
pub(crate) enum ShardEvent {
    /// A commit: answers for this shard's requests, and the rooms' frames in rounds, each written out before the next.
    /// The credit for few is given back when what is for few is written out, that for many when all is.
    Committed {
        rounds: Vec<Vec<RoomFrames>>,
        answers: Vec<(u64, Result<Ack, Failure>)>,
        credit: Vec<CreditShare>,
    },
    /// Something that may be lost, for a room.
    Ephemeral { room_id: RoomId, frame: Bytes, except: Option<UserId> },
    /// Something for every connection.
    ToAll { frame: Bytes },
    /// Something for one connection.
    ToConnection { address: ConnectionAddress, frame: Bytes },
    /// A connection is to be closed.
    Close { address: ConnectionAddress, code: CloseCode },
    /// A person (or everybody) hears nothing more of a room.
    Unsubscribe(Unsubscribe),
    /// The server goes away: every connection is told, and closed within the time.
    Drain { spread_ms: u64 },
}

/// The events that wait, and the wake-up of the dispatcher. Durable events are bounded by the writer's credit, the
/// others by [`EPHEMERAL_MAX`] and by the number of connections.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    held: Mutex<Held>,
    notify: Notify,
}

#[derive(Debug, Default)]
struct Held {
    events: Vec<ShardEvent>,
    /// How many of them are ephemeral.
    ephemeral: usize,
    /// The rooms of which something was dropped.
    dropped: BTreeSet<RoomId>,
}

impl Inbox {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posts something.
    pub(crate) fn post(&self, event: ShardEvent) {
        self.held().events.push(event);
        self.notify.notify_one();
    }

    /// Posts something that may be lost, for everybody in a room but one person. Drops it if too much of that kind
    /// waits, and remembers the room.
    pub(crate) fn post_ephemeral(&self, room_id: RoomId, frame: Bytes, except: Option<UserId>) {
        let mut held = self.held();
        if held.ephemeral >= EPHEMERAL_MAX {
            held.dropped.insert(room_id);
            return;
        }
        held.ephemeral += 1;
        held.events.push(ShardEvent::Ephemeral { room_id, frame, except });
        drop(held);
        self.notify.notify_one();
    }

    /// Takes the rooms of which something ephemeral was dropped.
    pub(crate) fn take_dropped(&self) -> BTreeSet<RoomId> {
        std::mem::take(&mut self.held().dropped)
    }

    /// How many events wait.
    pub(crate) fn waiting(&self) -> usize {
        self.held().events.len()
    }

    /// Wakes the dispatcher.
    pub(crate) fn wake(&self) {
        self.notify.notify_one();
    }

    /// Waits until something was posted or touched.
    pub(crate) async fn wait(&self) {
        self.notify.notified().await;
    }

    /// Takes everything.
    pub(crate) fn take(&self) -> Vec<ShardEvent> {
        let mut held = self.held();
        held.ephemeral = 0;
        std::mem::take(&mut held.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_too_much_waits_of_is_dropped_and_its_room_remembered() {
        let (inbox, room) = (Inbox::default(), RoomId::new);
        for _ in 0..EPHEMERAL_MAX {
            inbox.post_ephemeral(room(1), Bytes::new(), None);
        }
        assert!(inbox.take_dropped().is_empty());
        for room_id in [room(2), room(3), room(2)] {
            inbox.post_ephemeral(room_id, Bytes::new(), None);
        }
        assert_eq!(inbox.waiting(), EPHEMERAL_MAX);
        assert_eq!(inbox.take_dropped().into_iter().collect::<Vec<_>>(), [room(2), room(3)]);
        assert_eq!(inbox.take().len(), EPHEMERAL_MAX);
        inbox.post_ephemeral(room(2), Bytes::new(), None);
        assert!(inbox.take_dropped().is_empty());
        assert_eq!(inbox.waiting(), 1);
    }
}
