//! A shard: the connections of one thread, and the dispatcher that writes to them.
//!
//! Everything here runs on one thread. Readers change the state between two waits; the dispatcher takes what other
//! threads posted into the [`inbox`], appends it to the pending lists of those concerned, and then visits each
//! touched connection once with one write.

pub(crate) mod dispatcher;
mod identify;
pub(crate) mod inbox;
mod later;
pub(crate) mod outbox;
pub(crate) mod requests;
pub(crate) mod rooms;
pub(crate) mod state;
pub(crate) mod timers;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chat_domain::{Command, RoomId, Timestamp};
use chat_protocol::{CloseCode, ErrorCode, ServerEvent};
use slab::Slab;
use tokio::sync::Notify;

use crate::connection::socket::SocketWriter;
use crate::failure::Failure;
use crate::frame;
use crate::node::Node;
use crate::node::metrics::Transport;
use crate::person::Person;
use crate::shard::inbox::{Inbox, ShardEvent};
use crate::shard::later::Later;
use crate::shard::requests::Requests;
use crate::shard::rooms::Rooms;
use crate::shard::state::{Connection, Identity, Lifecycle, Moment, Touched};
use crate::store_access::Ticket;

/// Bytes that one read of a socket brings, at most.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Which connection of this shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionKey {
    pub(crate) slot: usize,
    pub(crate) serial: u64,
}

/// The connection is gone, or about to be: its reader ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// The connections of one thread.
pub(crate) struct Shard<W> {
    pub(crate) index: usize,
    pub(crate) node: Arc<Node>,
    connections: RefCell<Slab<Connection<W>>>,
    rooms: RefCell<Rooms>,
    requests: RefCell<Requests>,
    /// What was taken from the inbox and is yet to be done.
    events: RefCell<VecDeque<ShardEvent>>,
    /// Slots with something to write, first those of this turn. A slot may stand here that has been written to.
    now: RefCell<Vec<usize>>,
    later: RefCell<Later>,
    /// What sockets are read into, one after the other.
    pub(crate) read_buffer: RefCell<Vec<u8>>,
    next_serial: Cell<u64>,
}

impl<W: SocketWriter> Shard<W> {
    pub(crate) fn new(index: usize, node: Arc<Node>) -> Rc<Self> {
        Rc::new(Self {
            index,
            node,
            connections: RefCell::default(),
            rooms: RefCell::default(),
            requests: RefCell::default(),
            events: RefCell::default(),
            now: RefCell::default(),
            later: RefCell::default(),
            read_buffer: RefCell::new(vec![0; READ_BUFFER_BYTES]),
            // The shard's index stands in the serial numbers, so that they are unique on the node.
            next_serial: Cell::new(u64::try_from(index).unwrap_or(0) << 48),
        })
    }

    pub(crate) fn inbox(&self) -> Option<&Inbox> {
        self.node.inboxes.get(self.index)
    }

    /// Takes a connection in. Nobody is signed in on it yet.
    pub(crate) fn open(&self, writer: W, now: Timestamp) -> (ConnectionKey, Rc<Notify>) {
        let serial = self.next_serial.get();
        self.next_serial.set(serial + 1);
        let wake = Rc::new(Notify::new());
        let mut connection = Connection::new(serial, writer, Rc::clone(&wake), now);
        // Whoever slips in while the server goes away is told by its close.
        connection.leaves_at = self.node.is_draining.load(Ordering::Relaxed).then_some(now);
        let slot = self.connections.borrow_mut().insert(connection);
        (ConnectionKey { slot, serial }, wake)
    }

    /// Runs something on a connection that is still there.
    pub(crate) fn with<T>(
        &self,
        key: ConnectionKey,
        work: impl FnOnce(&mut Connection<W>) -> T,
    ) -> Result<T, Gone> {
        let mut connections = self.connections.borrow_mut();
        let connection = connections.get_mut(key.slot).filter(|connection| connection.serial == key.serial);
        connection.map(work).ok_or(Gone)
    }

    /// Who is signed in on a connection.
    pub(crate) fn user(&self, key: ConnectionKey) -> Result<Person, Gone> {
        self.with(key, |connection| connection.identity.as_ref().map(|identity| identity.user.clone()))?
            .ok_or(Gone)
    }

    /// Queues frames that the client asked for, or must have.
    pub(crate) fn push(&self, key: ConnectionKey, frame: Bytes) -> Result<(), Gone> {
        let is_open = self.with(key, |connection| {
            let is_open = connection.lifecycle == Lifecycle::Open;
            if is_open {
                connection.outbox.push(frame);
            }
            is_open
        })?;
        if !is_open {
            return Err(Gone);
        }
        self.touch(key.slot);
        Ok(())
    }

    /// Answers a request.
    pub(crate) fn answer(
        &self,
        key: ConnectionKey,
        re: Option<&str>,
        event: &ServerEvent,
    ) -> Result<(), Gone> {
        self.push(key, frame::of_event(event, re))
    }

    /// Answers a request with a failure, and counts it.
    pub(crate) fn refuse(&self, key: ConnectionKey, re: Option<&str>, failure: Failure) -> Result<(), Gone> {
        self.node.metrics.refused(Transport::WebSocket, failure.code);
        if let (ErrorCode::RateLimited, Ok(user)) = (failure.code, self.user(key)) {
            self.node.refusal_log.user_limited(&failure.message, user.id, self.node.clock.now());
        }
        self.answer(key, re, &failure.into_event())
    }

    /// Marks a connection as having something to write, and wakes the dispatcher.
    pub(crate) fn touch(&self, slot: usize) {
        let mut connections = self.connections.borrow_mut();
        let Some(connection) = connections.get_mut(slot) else { return };
        if !connection.touch(Touched::Now) {
            return;
        }
        self.now.borrow_mut().push(slot);
        if let Some(inbox) = self.inbox() {
            inbox.wake();
        }
    }

    /// Sends a message: the answer comes through the dispatcher, so that a client may have many under way.
    pub(crate) fn submit(
        &self,
        key: ConnectionKey,
        re: Option<String>,
        command: Command,
    ) -> Result<(), Failure> {
        let deadline = self
            .node
            .clock
            .now()
            .plus_ms(i64::try_from(self.node.timers.commit_timeout_ms).unwrap_or(i64::MAX));
        let request = self.requests.borrow_mut().add(key, re, deadline);
        let submitted = self
            .node
            .store()
            .and_then(|store| store.submit(command, Ticket::Request { shard: self.index, request }));
        if let Err(failure) = submitted {
            self.requests.borrow_mut().take(request);
            return Err(failure);
        }
        let _ = self.with(key, |connection| connection.in_flight += 1);
        Ok(())
    }

    /// Subscribes a connection to a room and holds back what happens there until [`Shard::go_live`].
    pub(crate) fn hold_back(&self, key: ConnectionKey, room_id: RoomId) -> Result<(), Gone> {
        if self.with(key, |connection| connection.hold_back(room_id))? {
            self.rooms.borrow_mut().add(room_id, key.slot);
        }
        Ok(())
    }

    /// Answers a join and releases what was held back and is newer.
    pub(crate) fn go_live(
        &self,
        key: ConnectionKey,
        room_id: RoomId,
        shown: Moment,
        answer: Bytes,
    ) -> Result<(), Gone> {
        let name = self.node.directory.name(room_id);
        self.with(key, |connection| connection.go_live(room_id, shown, answer, name))?;
        self.touch(key.slot);
        Ok(())
    }

    /// Whether a connection is not about to end.
    pub(crate) fn is_open(&self, key: ConnectionKey) -> bool {
        self.with(key, |connection| connection.lifecycle == Lifecycle::Open) == Ok(true)
    }

    /// Whether a connection is subscribed to a room, live or held back.
    pub(crate) fn is_subscribed(&self, key: ConnectionKey, room_id: RoomId) -> bool {
        self.with(key, |connection| connection.is_subscribed(room_id)) == Ok(true)
    }

    /// Gives a join up: a connection that was not live in the room is not subscribed any more.
    pub(crate) fn give_up_join(&self, key: ConnectionKey, room_id: RoomId) {
        let name = self.node.directory.name(room_id);
        if self.with(key, |connection| connection.give_up_join(room_id, name)) == Ok(true) {
            self.rooms.borrow_mut().remove(room_id, key.slot);
        }
    }

    /// Whether a connection hears a room live.
    pub(crate) fn is_live(&self, key: ConnectionKey, room_id: RoomId) -> bool {
        self.with(key, |connection| connection.is_live(room_id)) == Ok(true)
    }

    /// How many rooms a connection is subscribed to.
    pub(crate) fn subscriptions(&self, key: ConnectionKey) -> usize {
        self.with(key, |connection| connection.subscriptions.len()).unwrap_or(0)
    }

    /// Begins to close a connection: the code goes behind what waits. For a slow reader what waits is dropped, but for
    /// the frame that is half sent.
    pub(crate) fn close(&self, key: ConnectionKey, code: CloseCode) {
        let frame = frame::of_close(code);
        let began = self.with(key, |connection| {
            if connection.lifecycle != Lifecycle::Open {
                return false;
            }
            if code == CloseCode::SlowReader {
                connection.outbox.drop_unsent();
            }
            connection.outbox.push(frame);
            connection.lifecycle = Lifecycle::Closing;
            connection.closes_at = Some(self.node.clock.now().plus_ms(self.node.timers.close_ms()));
            connection.wake.notify_one();
            true
        });
        if began == Ok(true) {
            self.node.metrics.closed(code);
            tracing::debug!(code = code.code(), reason = code.reason(), serial = key.serial, "closing");
            self.touch(key.slot);
        }
    }

    /// Forgets a connection: its reader has ended.
    pub(crate) fn remove(&self, key: ConnectionKey) {
        if self.with(key, |_| ()).is_err() {
            return;
        }
        let connection = self.connections.borrow_mut().remove(key.slot);
        if let Some(backlog) = &connection.backlog {
            backlog.abort();
        }
        for subscription in &connection.subscriptions {
            self.rooms.borrow_mut().remove(subscription.room_id, key.slot);
        }
        let Some(Identity { user, .. }) = connection.identity else { return };
        self.node.connections.remove(user.id, key.serial);
        for subscription in connection.subscriptions.iter().filter(|subscription| subscription.is_present) {
            self.node.presence.exit(subscription.room_id, user.id);
            self.node.stop_typing(subscription.room_id, &user);
        }
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl<W: SocketWriter> Shard<W> {
    /// Looks at every connection.
    pub(crate) fn inspect(&self, mut look: impl FnMut(&Connection<W>)) {
        self.connections.borrow().iter().for_each(|(_, connection)| look(connection));
    }
}

#[cfg(test)]
mod tests;
