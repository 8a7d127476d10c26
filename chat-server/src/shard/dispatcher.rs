//! The dispatcher: the one task of a shard that writes data frames.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use chat_domain::{RoomId, UserId};
use chat_protocol::events::{Ack, Status};
use chat_protocol::{CloseCode, ServerEvent};
use chat_store::Audience;

use crate::connection::socket::SocketWriter;
use crate::failure::Failure;
use crate::shard::inbox::{RoomFrames, ShardEvent, Unsubscribe};
use crate::shard::later::Later;
use crate::shard::outbox::{READ_BYTES_MAX, Written};
use crate::shard::requests::Waiting;
use crate::shard::state::{IN_FLIGHT_MAX, Lifecycle, Touched};
use crate::shard::{ConnectionKey, Shard};
use crate::survive::survive;

/// Connections written to before the readers get their turn.
pub(super) const WRITES_PER_TURN: usize = 64;

/// Runs the dispatcher of a shard until the thread ends.
pub(crate) async fn run<W: SocketWriter>(shard: Rc<Shard<W>>) {
    // The one event in hand is lost with a panic: if it was a commit, that is a hole in the numbers, which the clients see
    // and fill.
    while survive("the dispatcher", dispatch(&shard)).await.is_none() {
        shard.list_again();
    }
}

async fn dispatch<W: SocketWriter>(shard: &Rc<Shard<W>>) {
    let Some(inbox) = shard.inbox() else { return };
    // With the place in the list up to which is to be written before it is given back.
    let mut for_many = VecDeque::new();
    loop {
        inbox.wait().await;
        loop {
            shard.events.borrow_mut().extend(inbox.take());
            if shard.events.borrow().is_empty() && !shard.has_touched() {
                break;
            }
            let (mut for_few, mut answered) = (Vec::new(), 0);
            loop {
                let Some(event) = shard.events.borrow_mut().pop_front() else { break };
                if let ShardEvent::Committed { rounds, answers, credit } = event {
                    answered += answers.len();
                    shard.deliver(rounds, answers).await;
                    for share in credit {
                        match share.audience() {
                            Audience::Few => for_few.push(share),
                            Audience::Many => for_many.push_back((shard.later.borrow().end(), share)),
                        }
                    }
                } else {
                    shard.apply(event);
                }
            }
            shard.write_now().await;
            shard.write_later();
            // Those who were answered may need this CPU to go on, as a proxy on the same machine does: what they send now
            // is in the next commit with the others', instead of in one of its own. And where threads share a core, the
            // writer has something for few that is quickly done.
            if answered > 1 || (!for_many.is_empty() && shard.node.is_commit_due()) {
                std::thread::yield_now();
            }
            // One more pass of reads, so that more meet in the next commit.
            tokio::task::yield_now().await;
            drop(for_few);
            let written = shard.later.borrow().start();
            while for_many.front().is_some_and(|(end, _)| *end <= written) {
                for_many.pop_front();
            }
        }
    }
}

impl<W: SocketWriter> Shard<W> {
    /// Answers a commit's requests and appends its frames to the pending lists. A commit that is too large for them
    /// is written out piece by piece.
    async fn deliver(
        self: &Rc<Self>,
        rounds: Vec<Vec<RoomFrames>>,
        answers: Vec<(u64, Result<Ack, Failure>)>,
    ) {
        for (request, answer) in answers {
            self.answer_commit(request, answer);
        }
        for (n, mut rooms) in rounds.into_iter().enumerate() {
            if n > 0 {
                self.write_out().await;
            }
            // Two people don't wait for the thousands of another room, who hardly notice the two.
            rooms.sort_by_cached_key(|room| self.rooms.borrow().slots(room.room_id).len());
            for room in &rooms {
                self.fan_out(room);
            }
        }
    }

    /// Appends an event to the pending lists of those concerned.
    fn apply(&self, event: ShardEvent) {
        match event {
            ShardEvent::Committed { .. } => {}
            ShardEvent::Ephemeral { room_id, frame, except } => {
                self.fan_out_ephemeral(room_id, &frame, except)
            }
            ShardEvent::ToAll { frame } => {
                for key in self.keys() {
                    let _ = self.push(key, frame.clone());
                }
            }
            ShardEvent::ToConnection { address, frame } => {
                let _ = self.push(ConnectionKey { slot: address.slot, serial: address.serial }, frame);
            }
            ShardEvent::Close { address, code } => {
                self.close(ConnectionKey { slot: address.slot, serial: address.serial }, code);
            }
            ShardEvent::Unsubscribe(whom) => self.unsubscribe(&whom),
            ShardEvent::Drain { spread_ms } => self.drain(spread_ms),
        }
    }

    fn keys(&self) -> Vec<ConnectionKey> {
        let connections = self.connections.borrow();
        connections.iter().map(|(slot, held)| ConnectionKey { slot, serial: held.serial }).collect()
    }

    fn answer_commit(&self, request: u64, answer: Result<Ack, Failure>) {
        let Some(waiting) = self.requests.borrow_mut().take(request) else { return };
        self.settle(&waiting, answer);
    }

    /// Answers a send, and lets a reader go on that waited for fewer of them to be under way.
    pub(super) fn settle(&self, waiting: &Waiting, answer: Result<Ack, Failure>) {
        let (key, re) = (waiting.connection, waiting.re.as_deref());
        let _ = match answer {
            Ok(ack) => self.answer(key, re, &ServerEvent::Ack(ack)),
            Err(failure) => self.refuse(key, re, failure),
        };
        let _ = self.with(key, |connection| {
            connection.in_flight = connection.in_flight.saturating_sub(1);
            if connection.is_reader_waiting && connection.in_flight < IN_FLIGHT_MAX {
                connection.wake.notify_one();
            }
        });
    }

    fn fan_out(&self, room: &RoomFrames) {
        let mut slow = Vec::new();
        {
            let rooms = self.rooms.borrow();
            let mut connections = self.connections.borrow_mut();
            let (mut now, mut later) = (self.now.borrow_mut(), self.later.borrow_mut());
            for &slot in rooms.slots(room.room_id) {
                let Some(connection) = connections.get_mut(slot) else { continue };
                if !connection.take_live(room) {
                    slow.push(ConnectionKey { slot, serial: connection.serial });
                    continue;
                }
                match room.audience {
                    Audience::Few if connection.touch(Touched::Now) => now.push(slot),
                    Audience::Many if connection.touch(Touched::Later) => later.push(slot),
                    _ => {}
                }
            }
        }
        for key in slow {
            self.close(key, CloseCode::SlowReader);
        }
    }

    fn fan_out_ephemeral(&self, room_id: RoomId, frame: &Bytes, except: Option<UserId>) {
        let rooms = self.rooms.borrow();
        let mut connections = self.connections.borrow_mut();
        let mut later = self.later.borrow_mut();
        for &slot in rooms.slots(room_id) {
            let Some(connection) = connections.get_mut(slot) else { continue };
            let is_excepted =
                except.is_some() && connection.identity.as_ref().map(|identity| identity.user.id) == except;
            if !is_excepted && connection.take_ephemeral(room_id, frame) && connection.touch(Touched::Later) {
                later.push(slot);
            }
        }
    }

    fn unsubscribe(&self, Unsubscribe { room_id, user_id, control_seq, frame }: &Unsubscribe) {
        let slots = self.rooms.borrow().slots(*room_id).to_vec();
        // Whoever has no connection here may be within the grace period, which ends, too.
        let mut left: BTreeMap<UserId, u32> = user_id.iter().map(|&user_id| (user_id, 0)).collect();
        for slot in slots {
            let removed = self.connections.borrow_mut().get_mut(slot).and_then(|connection| {
                let own = connection.identity.as_ref().map(|identity| identity.user.id);
                if user_id.is_some() && own != *user_id {
                    return None;
                }
                let was_present = connection.unsubscribe(*room_id, *control_seq)?;
                if let (true, Some(own)) = (was_present, own) {
                    *left.entry(own).or_default() += 1;
                }
                Some(ConnectionKey { slot, serial: connection.serial })
            });
            if let Some(key) = removed {
                self.rooms.borrow_mut().remove(*room_id, slot);
                let _ = self.push(key, frame.clone());
            }
        }
        for (user_id, connections) in left {
            self.node.presence.leave(*room_id, user_id, connections);
        }
    }

    fn drain(&self, spread_ms: u64) {
        let now = self.node.clock.now();
        for key in self.keys() {
            let reconnect_after_ms = self.node.chance.below_ms(spread_ms);
            let event = ServerEvent::Status(Status::Closing { reconnect_after_ms });
            let _ = self.answer(key, None, &event);
            let leaves_at = now.plus_ms(i64::try_from(self.node.chance.below_ms(spread_ms)).unwrap_or(0));
            let _ = self.with(key, |connection| connection.leaves_at = Some(leaves_at));
        }
    }

    /// Whether something waits to be written.
    fn has_touched(&self) -> bool {
        !self.now.borrow().is_empty() || !self.later.borrow().is_empty()
    }

    /// After a panic: puts those on the list whose turn was lost, but for the one that was being written to.
    fn list_again(&self) {
        let mut now = self.now.borrow_mut();
        now.clear();
        *self.later.borrow_mut() = Later::default();
        for (slot, connection) in self.connections.borrow_mut().iter_mut() {
            if connection.touched != Touched::No {
                connection.touched = Touched::Now;
                now.push(slot);
            }
        }
        if let Some(inbox) = self.inbox() {
            inbox.wake();
        }
    }

    /// Visits each connection once that is to be written to in this turn, and lets the readers have theirs in between.
    async fn write_now(self: &Rc<Self>) {
        let mut slots = std::mem::take(&mut *self.now.borrow_mut());
        for (n, &slot) in slots.iter().enumerate() {
            if n > 0 && n % WRITES_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
            self.write_one(slot, Touched::Now);
        }
        // The list keeps its size for the next turn; whoever was touched meanwhile is in it.
        slots.clear();
        let mut meanwhile = self.now.borrow_mut();
        slots.append(&mut meanwhile);
        *meanwhile = slots;
    }

    /// Visits some of the connections whose turn comes after others.
    fn write_later(self: &Rc<Self>) {
        for _ in 0..WRITES_PER_TURN {
            let slot = self.later.borrow_mut().pop();
            let Some(slot) = slot else { break };
            self.write_one(slot, Touched::Later);
        }
    }

    /// Writes out all that waits, and lets the readers have their turn in between.
    async fn write_out(self: &Rc<Self>) {
        loop {
            self.write_now().await;
            self.write_later();
            tokio::task::yield_now().await;
            if self.later.borrow().is_empty() {
                break;
            }
        }
    }

    fn write_one(self: &Rc<Self>, slot: usize, list: Touched) {
        let mut connections = self.connections.borrow_mut();
        let Some(connection) = connections.get_mut(slot) else { return };
        if connection.touched != list {
            return;
        }
        connection.touched = Touched::No;
        if connection.lifecycle == Lifecycle::Broken {
            return;
        }
        match connection.outbox.write_to(&*connection.writer) {
            Ok(Written::All) => {
                if connection.lifecycle == Lifecycle::Closing || connection.is_reader_waiting {
                    connection.wake.notify_one();
                }
            }
            Ok(Written::Blocked) => {
                let key = ConnectionKey { slot, serial: connection.serial };
                let backlog = write_backlog(Rc::clone(self), key, Rc::clone(&connection.writer));
                connection.backlog = Some(tokio::task::spawn_local(backlog).abort_handle());
            }
            Err(_) => {
                connection.lifecycle = Lifecycle::Broken;
                connection.wake.notify_one();
            }
        }
    }
}

/// Writes the backlog of a full socket, whenever it takes some.
async fn write_backlog<W: SocketWriter>(shard: Rc<Shard<W>>, key: ConnectionKey, writer: Rc<W>) {
    loop {
        let is_writable = writer.writable().await.is_ok();
        let go_on = shard.with(key, |connection| {
            if connection.lifecycle == Lifecycle::Broken {
                connection.backlog = None;
                return false;
            }
            let written =
                if is_writable { connection.outbox.write_to(&*connection.writer) } else { Ok(Written::All) };
            let has_room = connection.is_reader_waiting && connection.outbox.bytes() <= READ_BYTES_MAX;
            match written {
                Ok(Written::Blocked) => {
                    if has_room {
                        connection.wake.notify_one();
                    }
                    true
                }
                Ok(Written::All) if is_writable => {
                    connection.backlog = None;
                    if has_room || connection.lifecycle == Lifecycle::Closing {
                        connection.wake.notify_one();
                    }
                    false
                }
                _ => {
                    connection.backlog = None;
                    connection.lifecycle = Lifecycle::Broken;
                    connection.wake.notify_one();
                    false
                }
            }
        });
        if go_on != Ok(true) {
            return;
        }
    }
}
