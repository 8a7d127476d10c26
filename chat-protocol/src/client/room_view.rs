//! What an application may hold of one room: a run of messages, merged by the rules. It is bounded.

use std::collections::BTreeMap;

use chat_domain::{RoomName, Seq};

use crate::Message;
use crate::client::{Event, Take};
use crate::events::{History, NewMessage, RoomJoined};

/// One run of a room's messages without holes, up to the newest one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomView {
    room: RoomName,
    messages: BTreeMap<Seq, Message>,
    has_more: bool,
    messages_max: usize,
}

impl RoomView {
    /// Nothing yet; at the limit the oldest messages are let go.
    #[must_use]
    pub const fn new(room: RoomName, messages_max: usize) -> Self {
        Self { room, messages: BTreeMap::new(), has_more: false, messages_max }
    }

    /// The messages, ascending by `seq`.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// Whether older messages exist before the first one here.
    #[must_use]
    pub const fn has_more(&self) -> bool {
        self.has_more
    }

    /// Where an older page ends.
    #[must_use]
    pub fn lowest(&self) -> Option<Seq> {
        self.messages.keys().next().copied()
    }

    /// Takes what an event says of this room.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Room { joined, take } if joined.room == self.room => self.joined(joined, *take),
            Event::Message(NewMessage { room, message, .. }) if *room == self.room => self.merge(message),
            Event::RoomLeft { room, .. } | Event::RoomRefused { room, .. } if *room == self.room => {
                *self = Self::new(room.clone(), self.messages_max);
            }
            _ => {}
        }
        self.trim();
    }

    /// Takes a page of older messages, if it still ends where the held ones begin. Whether it did.
    pub fn prepend(&mut self, page: &History, before: Seq) -> bool {
        let fits = page.room == self.room && self.lowest() == Some(before);
        if fits {
            for message in page.messages.iter().filter(|message| message.seq < before) {
                self.messages.insert(message.seq, message.clone());
            }
            self.has_more = page.has_more;
            self.trim();
        }
        fits
    }

    fn joined(&mut self, joined: &RoomJoined, take: Take) {
        if take == Take::Afresh {
            self.messages.clear();
        }
        if self.messages.is_empty() {
            self.has_more = joined.has_more;
            self.messages = joined.messages.iter().map(|message| (message.seq, message.clone())).collect();
            return;
        }
        for message in &joined.messages {
            self.merge(message);
        }
    }

    /// A message replaces a held one only if it changed later; one before the held run is left to a page.
    fn merge(&mut self, message: &Message) {
        if self.has_more && self.lowest().is_some_and(|lowest| message.seq < lowest) {
            return;
        }
        let held = self.messages.get(&message.seq);
        if held.is_none_or(|held| message.changed_seq > held.changed_seq) {
            self.messages.insert(message.seq, message.clone());
        }
    }

    fn trim(&mut self) {
        while self.messages.len() > self.messages_max {
            self.messages.pop_first();
            self.has_more = true;
        }
    }
}
