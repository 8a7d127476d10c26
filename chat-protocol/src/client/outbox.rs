//! Messages on their way: each keeps its key until the server has it, over reconnects and errors.

use std::collections::BTreeSet;

use chat_domain::{Body, MessageKey, RoomName, Timestamp};

use crate::client::Refusal;
use crate::client::times::Times;
use crate::events::SendMessage;

/// Messages that wait to be acknowledged, at most; one more is refused.
pub const OUTBOX_MESSAGES_MAX: usize = 256;

/// Why a message was not taken into the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// It is full.
    #[error("{OUTBOX_MESSAGES_MAX} messages wait to be sent, which is the limit")]
    Full,
    /// Another message waits under this key.
    #[error("another message waits under the same key")]
    KeyTaken,
    /// The client has ended for good.
    #[error("the client has ended")]
    Ended,
}

#[derive(Debug)]
struct Entry {
    message: SendMessage,
    is_sending: bool,
    attempts: u32,
    due_at: Timestamp,
}

/// The outbox, in the order in which the messages were written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    entries: Vec<Entry>,
}

impl Outbox {
    /// Takes a message. The same one a second time changes nothing.
    pub(super) fn add(
        &mut self,
        room: RoomName,
        body: Body,
        key: MessageKey,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        let message = SendMessage { room, body, key };
        if let Some(entry) = self.find(&message.key) {
            return if entry.message == message { Ok(()) } else { Err(OutboxError::KeyTaken) };
        }
        if self.entries.len() >= OUTBOX_MESSAGES_MAX {
            return Err(OutboxError::Full);
        }
        self.entries.push(Entry { message, is_sending: false, attempts: 0, due_at: now });
        Ok(())
    }

    /// Whether this very message waits under the key.
    pub(super) fn holds(&self, room: &RoomName, body: &str, key: &MessageKey) -> bool {
        self.find(key).is_some_and(|entry| entry.message.room == *room && entry.message.body.as_str() == body)
    }

    /// What waits, for an application that keeps it over its own end.
    pub(super) fn messages(&self) -> impl Iterator<Item = &SendMessage> {
        self.entries.iter().map(|entry| &entry.message)
    }

    /// Takes what may be sent now: of each room only the first message, so that order is kept.
    pub(super) fn due(&mut self, now: Timestamp, is_ready: impl Fn(&RoomName) -> bool) -> Vec<SendMessage> {
        let mut rooms = BTreeSet::new();
        let mut due = Vec::new();
        for entry in &mut self.entries {
            let is_head = rooms.insert(entry.message.room.clone());
            if is_head && !entry.is_sending && entry.due_at <= now && is_ready(&entry.message.room) {
                entry.is_sending = true;
                entry.attempts = entry.attempts.saturating_add(1);
                due.push(entry.message.clone());
            }
        }
        due
    }

    /// The server has it: takes it out.
    pub(super) fn settled(&mut self, key: &MessageKey) -> Option<SendMessage> {
        let at = self.entries.iter().position(|entry| entry.message.key == *key)?;
        Some(self.entries.remove(at).message)
    }

    /// The server did not take it: it goes again under the same key, or comes out if waiting doesn't help.
    pub(super) fn refused(
        &mut self,
        key: &MessageKey,
        refusal: &Refusal,
        now: Timestamp,
        times: &Times,
    ) -> Option<SendMessage> {
        if !refusal.may_retry() {
            return self.settled(key);
        }
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.message.key == *key) {
            entry.is_sending = false;
            // Coming back has taken its time.
            let is_lost = *refusal == Refusal::DISCONNECTED;
            let retry_at = refusal.retry_at(entry.attempts.saturating_sub(1), now, times);
            entry.due_at = if is_lost { now } else { retry_at };
        }
        None
    }

    /// When something that now waits for a time may be sent.
    pub(super) fn wake_at(&self, is_ready: impl Fn(&RoomName) -> bool) -> Option<Timestamp> {
        let mut rooms = BTreeSet::new();
        let heads = self.entries.iter().filter(|entry| rooms.insert(&entry.message.room));
        let waiting = heads.filter(|entry| !entry.is_sending && is_ready(&entry.message.room));
        waiting.map(|entry| entry.due_at).min()
    }

    fn find(&self, key: &MessageKey) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.message.key == *key)
    }
}
