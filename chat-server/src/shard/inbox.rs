//! What other threads post to a shard.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use chat_domain::{RoomId, Seq, UserId};
use chat_protocol::CloseCode;
use chat_protocol::events::Ack;
use chat_store::{Audience, CreditShare};
use tokio::sync::Notify;

use crate::failure::Failure;
use crate::node::connections::ConnectionAddress;

/// Ephemeral events that may wait in an inbox, at most; more are dropped.
const EPHEMERAL_MAX: usize = 4_096;

/// Frames of one room in one commit, concatenated; `last` is the number of the last change in them.
#[derive(Debug, Clone)]
pub(crate) struct RoomFrames {
    pub(crate) room_id: RoomId,
    pub(crate) last: Seq,
    /// How many on this node hear the room.
    pub(crate) audience: Audience,
    pub(crate) frames: Bytes,
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
    Unsubscribe { room_id: RoomId, user_id: Option<UserId>, frame: Bytes },
    /// The server goes away: every connection is told, and closed within the time.
    Drain { spread_ms: u64 },
}

/// The events that wait, and the wake-up of the dispatcher. Durable events are bounded by the writer's credit, the
/// others by [`EPHEMERAL_MAX`] and by the number of connections.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    events: Mutex<Vec<ShardEvent>>,
    ephemeral: AtomicUsize,
    notify: Notify,
}

impl Inbox {
    /// Posts something.
    pub(crate) fn post(&self, event: ShardEvent) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.notify.notify_one();
    }

    /// Posts something that may be lost; drops it if too much of that kind waits.
    pub(crate) fn post_ephemeral(&self, event: ShardEvent) {
        if self.ephemeral.fetch_add(1, Ordering::Relaxed) < EPHEMERAL_MAX {
            self.post(event);
        } else {
            self.ephemeral.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many events wait.
    pub(crate) fn waiting(&self) -> usize {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).len()
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
        let events = std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner));
        self.ephemeral.store(0, Ordering::Relaxed);
        events
    }
}
