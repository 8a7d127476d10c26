//! Connections that only listen, and messages that were just stored: the fan-out by itself.
#![expect(clippy::expect_used, reason = "what is prepared here is always there")]

use std::sync::Arc;

use chat_domain::{Body, Command, Message, MessageSent, Outcome, SendMessage};
use chat_store::{CommitSink, Completed, Credit};

use super::Chat;
use super::store::MemoryStore;
use super::stream::{Wire, connection};
use crate::committed::Committed;
use crate::shard::state::Moment;
use crate::store_access::Ticket;

/// The room in which they are.
const ROOM: &str = "general";

/// Connections that hear `general`. Nobody reads from them and nobody is signed in.
pub struct Listeners {
    wires: Vec<Wire>,
    sink: Committed<MemoryStore>,
    message: Message,
}

impl Listeners {
    /// So many of them on a chat, which have heard one message.
    pub async fn gather(chat: &Chat, count: usize) -> Self {
        let node = &chat.shard.node;
        let message = chat.stored(ROOM).pop().expect("a message of the beginning");
        let mut wires = Vec::with_capacity(count);
        for _ in 0..count {
            let (wire, stream) = connection();
            let (key, _) = chat.shard.open(stream, node.clock.now());
            let is_open = chat.shard.hold_back(key, message.room_id);
            is_open.expect("an open connection");
            let shown = Moment { seq: message.seq, ..Moment::default() };
            let is_open = chat.shard.go_live(key, message.room_id, shown, "".into());
            is_open.expect("an open connection");
            wires.push(wire);
        }
        let sink = Committed::new(Arc::clone(node), chat.store.clone());
        let mut listeners = Self { wires, sink, message };
        listeners.tell().await;
        listeners.forget_written();
        listeners
    }

    /// Tells of one more message, as the writer does after a commit, and waits until it is written to all.
    pub async fn tell(&mut self) {
        let number = self.message.seq.next();
        (self.message.seq, self.message.changed_seq) = (number, number);
        let command = self.command();
        let sent = MessageSent { message: self.message.clone(), is_new: true };
        let completed = Completed { ticket: Ticket::Nobody, command, result: Ok(Outcome::MessageSent(sent)) };
        self.sink.beginning();
        self.sink.committed(vec![completed], self.message.created_at, Credit::of_nobody());
        // The last one to have joined is the last one to be written to.
        while self.wires.last().is_some_and(|wire| wire.written_bytes() == 0) {
            tokio::task::yield_now().await;
        }
    }

    /// Forgets what was written. Answers how many bytes came to each of them, if it was the same for all.
    pub fn forget_written(&self) -> Option<usize> {
        let bytes = self.wires.first().map(Wire::written_bytes);
        let is_same = self.wires.iter().all(|wire| Some(wire.written_bytes()) == bytes);
        self.wires.iter().for_each(Wire::forget_written);
        bytes.filter(|_| is_same)
    }

    fn command(&self) -> Command {
        let Message { room_id, author, body, key, .. } = &self.message;
        Command::SendMessage(SendMessage {
            user_id: author.as_ref().expect("an author").id,
            room_id: *room_id,
            body: Body::new(body.clone()).expect("a body"),
            key: key.clone().expect("a key"),
        })
    }
}
