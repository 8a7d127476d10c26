//! What must hold of the database and of every queue.

use super::*;
use crate::shard::state::{Connection, Identity};

/// Milliseconds that a node takes to close what the control log says, once it has read it; with another look at the
/// session of a connection that began meanwhile.
const OBEYING_MS: u64 = 600;

impl World {
    pub(super) fn stored(&self, user_id: UserId, key: &MessageKey) -> Option<chat_domain::Message> {
        self.database
            .look(|repository| repository.find_sent(&[(user_id, key.clone())]).unwrap().pop().flatten())
    }

    /// Whether something with this key is stored.
    pub(in crate::simulation) fn is_stored(&self, user_id: UserId, key: &MessageKey) -> bool {
        self.stored(user_id, key).is_some()
    }

    /// Takes an ack: what it says must be stored now, and be what an earlier one said.
    pub(in crate::simulation) fn acknowledged(
        &self,
        who: &str,
        user_id: UserId,
        key: &MessageKey,
        body: &str,
        ack: &Ack,
    ) {
        let stored = self.stored(user_id, key);
        let is_true = stored.as_ref().is_some_and(|message| {
            ack.seq == Some(message.seq)
                && ack.message_id == Some(message.id)
                && ack.created_at == Some(message.created_at)
                && ack.room.as_ref().is_some_and(|room| self.room_id(room) == message.room_id)
                && message.body == body
        });
        if !is_true {
            self.trace.violated(who, format!("{key:?} was acknowledged with {ack:?}; stored is {stored:?}"));
        }
        let mut acks = self.acks.borrow_mut();
        let first = acks.entry((user_id, key.clone())).or_insert_with(|| ack.clone());
        if first != ack {
            self.trace
                .violated(who, format!("{key:?} was acknowledged with {ack:?} and before with {first:?}"));
        }
    }

    /// Every acknowledged key is stored once, with the numbers of its ack; every room's numbers are dense.
    pub(in crate::simulation) fn check_database(&self) {
        for ((user_id, key), ack) in self.acks.borrow().iter() {
            let mut found = Vec::new();
            for (_, room_id) in &self.rooms {
                found.extend(self.database.messages(*room_id).into_iter().filter(|message| {
                    message.key.as_ref() == Some(key)
                        && message.author.as_ref().map(|author| author.id) == Some(*user_id)
                }));
            }
            if found.len() != 1 || Some(found[0].seq) != ack.seq || Some(found[0].id) != ack.message_id {
                self.trace.violated("database", format!("{key:?}, acknowledged with {ack:?}, is {found:?}"));
            }
        }
        for (name, room_id) in &self.rooms {
            let seqs: Vec<i64> = self.database.messages(*room_id).iter().map(|held| held.seq.get()).collect();
            let last =
                self.database.look(|repository| repository.find_room(*room_id).unwrap().unwrap().last_seq);
            if !seqs.iter().copied().eq(1..=last.get()) {
                self.trace.violated("database", format!("{name:?} has {seqs:?} up to {last}"));
            }
        }
    }

    /// What must hold at every moment: no queue is above its bound, and nobody hears what they may not.
    pub(in crate::simulation) fn watch(&self) {
        let running = self.running.borrow();
        let Some(running) = running.as_ref() else { return };
        let mut seen = running.seen.borrow_mut();
        running.shard.inspect(|connection| {
            self.check_queue(connection, &mut seen);
            if connection.lifecycle == Lifecycle::Open {
                self.check_rights(connection);
            }
        });
    }

    fn check_queue(&self, connection: &Connection<ServerWriter>, seen: &mut Seen) {
        let (all, live) = (connection.outbox.bytes(), connection.outbox.live_bytes());
        if live > OUTBOX_BYTES_MAX || all > OUTBOX_BYTES_MAX + ANSWER_BYTES_MAX {
            self.trace.violated("queue", format!("{all} bytes wait, {live} of them live"));
        }
        if live > OUTBOX_BYTES_MAX / 2 && seen.half_full.insert(connection.serial) {
            self.trace.count(Happened::QueueHalfFull);
        }
        let (held, in_flight) = (connection.held_bytes(), connection.in_flight);
        if held > HELD_BYTES_MAX || in_flight > IN_FLIGHT_MAX {
            self.trace.violated("queue", format!("{held} bytes are held, {in_flight} sends are under way"));
        }
        if connection.lost_presence && seen.lossy.insert(connection.serial) {
            self.trace.count(Happened::EphemeralLost);
        }
    }

    /// The node has had time to obey the log: a session that ended has no connection, and who left hears nothing.
    fn check_rights(&self, connection: &Connection<ServerWriter>) {
        let Some(Identity { user, session }) = &connection.identity else { return };
        let is_late = |since: u64| self.trace.now_ms() > since + OBEYING_MS;
        let opened_behind = self.opened_behind.borrow().get(&session.id).copied().unwrap_or_default();
        let since = self.database.session_gone_since(user.id, session.id, opened_behind);
        if since.is_some_and(is_late) {
            let who = user.username.as_str();
            self.trace.violated("node", format!("{who} is connected with a session gone since {since:?}"));
        }
        for heard in connection.subscriptions.iter().filter(|heard| heard.is_present) {
            let since = self.database.membership_gone_since(heard.room_id, user.id);
            if since.is_some_and(is_late) && !self.database.is_member(heard.room_id, user.id) {
                let who = user.username.as_str();
                self.trace.violated("node", format!("{who} hears {} and is no member", heard.room_id));
            }
        }
    }

    /// Nobody types any more, as far as the node knows.
    pub(in crate::simulation) fn check_typing(&self) {
        let running = self.running.borrow();
        let Some(running) = running.as_ref() else { return };
        if !running.node.typing.lock().unwrap().is_empty() {
            self.trace.violated("typing", "somebody has typed for ever");
        }
    }
}
