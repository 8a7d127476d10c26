//! The ways of storing messages that are compared.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use chat_domain::repository::RoomCounters;
use chat_domain::{
    Body, Command, CommandError, MessageKey, MessageKind, NewMessage, Outcome, Room, RoomId, SendMessage,
    Seq, Timestamp, UserId,
};
use chat_store::{
    Audience, CommitSink, Completed, Credit, CreditShare, Refused, Store, Writer, WriterOptions, commit,
};

use crate::commands::Clock;
use crate::error::CliError;
use crate::line::random;
use crate::population::broken_rule;

/// Somebody who sends, and the room where they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender {
    pub(super) user_id: UserId,
    pub(super) room_id: RoomId,
}

/// A store with its senders.
pub(super) struct Bench<'s> {
    store: &'s Store,
    clock: Clock,
    senders: Vec<Sender>,
    body: String,
    /// Tells the keys of runs apart.
    nonce: u64,
    sent: u64,
}

/// Which sender, and what became of the message.
type Answer = (usize, Result<Outcome, CommandError>);

/// Answers of batches that wait to be looked at, at most: the writer waits for each.
const ANSWERS_MAX: usize = 1;

impl<'s> Bench<'s> {
    pub(super) fn new(
        store: &'s Store,
        clock: Clock,
        senders: Vec<Sender>,
        body_bytes: usize,
    ) -> Result<Self, CliError> {
        let nonce = u64::from_le_bytes(random()?);
        Ok(Self { store, clock, senders, body: "x".repeat(body_bytes), nonce, sent: 0 })
    }

    /// Stores through the writer: each sender sends the next message when the last one is durable. As in the server,
    /// the next commit begins when all were told of the last one. Answers how many messages were stored.
    pub(super) fn grouped(&mut self, is_over: impl Fn() -> bool) -> Result<u64, CliError> {
        let (answers, answered) = sync_channel(ANSWERS_MAX);
        let options = WriterOptions { queue_max: self.senders.len(), ..WriterOptions::default() };
        let (store, audience) = (self.store.clone(), |_| Audience::Few);
        let writer = Writer::start(store, options, self.clock, audience, Sink { answers })
            .map_err(|error| CliError::failed(format!("no thread for the writer: {error}"), "try again"))?;
        let everybody = 0..self.senders.len();
        let stored = self.converse(&writer, everybody, &answered, is_over);
        drop(answered);
        writer.stop();
        stored
    }

    fn converse(
        &mut self,
        writer: &Writer<usize>,
        everybody: impl IntoIterator<Item = usize>,
        answered: &Receiver<Told>,
        is_over: impl Fn() -> bool,
    ) -> Result<u64, CliError> {
        let (mut under_way, mut stored) = (0_usize, 0);
        let mut last = None;
        let mut next: Vec<usize> = everybody.into_iter().collect();
        loop {
            for sender in next.drain(..) {
                let command = self.send(sender)?;
                writer.submit(command, sender).map_err(not_taken)?;
                under_way += 1;
            }
            if under_way == 0 {
                return Ok(stored);
            }
            drop(last.take());
            let (batch, credit) = answered.recv().map_err(|_| writer_gone())?;
            last = Some(credit);
            under_way = under_way.saturating_sub(batch.len());
            let is_last = is_over();
            for (sender, result) in batch {
                result?;
                stored += 1;
                if !is_last {
                    next.push(sender);
                }
            }
        }
    }

    /// Stores each message with a commit of its own. Answers how many.
    pub(super) fn one_by_one(&mut self, is_over: impl Fn() -> bool) -> Result<u64, CliError> {
        let mut stored = 0;
        for sender in (0..self.senders.len()).cycle() {
            let batch = vec![(self.send(sender)?, ())];
            for completed in commit(self.store, (self.clock)(), batch) {
                completed.result?;
                stored += 1;
            }
            if is_over() {
                break;
            }
        }
        Ok(stored)
    }

    /// Stores rows that were numbered here, past every rule, and the counters of their rooms. Answers how many.
    pub(super) fn bare_rows(&mut self, is_over: impl Fn() -> bool) -> Result<u64, CliError> {
        let mut rooms = self.rooms()?;
        let mut stored = 0;
        loop {
            let now = (self.clock)();
            let rows = self.rows(&mut rooms, now)?;
            let counters: Vec<RoomCounters> = rooms
                .values()
                .map(|room| RoomCounters { id: room.id, last_seq: room.last_seq, members: room.members })
                .collect();
            stored += self.store.write(|repository| {
                let ids = repository.insert_messages(&rows)?;
                repository.set_room_counters(&counters)?;
                Ok::<_, CliError>(u64::try_from(ids.len()).unwrap_or(0))
            })?;
            if is_over() {
                return Ok(stored);
            }
        }
    }

    /// The rooms of the senders as they are stored.
    fn rooms(&self) -> Result<BTreeMap<RoomId, Room>, CliError> {
        self.store.read(|repository| {
            let mut rooms = BTreeMap::new();
            for sender in &self.senders {
                if let Some(room) = repository.find_room(sender.room_id)? {
                    rooms.insert(room.id, room);
                }
            }
            Ok(rooms)
        })
    }

    /// The next row of each sender.
    fn rows(
        &mut self,
        rooms: &mut BTreeMap<RoomId, Room>,
        created_at: Timestamp,
    ) -> Result<Vec<NewMessage>, CliError> {
        let mut rows = Vec::with_capacity(self.senders.len());
        for number in 0..self.senders.len() {
            let Command::SendMessage(send) = self.send(number)? else { continue };
            let Some(room) = rooms.get_mut(&send.room_id) else { continue };
            room.last_seq = Seq::new(room.last_seq.get() + 1);
            rows.push(NewMessage {
                room_id: room.id,
                seq: room.last_seq,
                user_id: Some(send.user_id),
                body: send.body.into(),
                kind: MessageKind::Text,
                created_at,
                key: Some(send.key),
            });
        }
        Ok(rows)
    }

    /// The next message of a sender.
    fn send(&mut self, sender: usize) -> Result<Command, CliError> {
        let Some(&Sender { user_id, room_id }) = self.senders.get(sender) else { return Err(writer_gone()) };
        self.sent += 1;
        let key = MessageKey::new(format!("{:016x}-{}", self.nonce, self.sent)).map_err(broken_rule)?;
        let body = Body::new(self.body.as_str()).map_err(broken_rule)?;
        Ok(Command::SendMessage(SendMessage { user_id, room_id, body, key }))
    }
}

/// The answers of a commit, and what holds the next one back.
type Told = (Vec<Answer>, CreditShare);

/// Tells the senders of each commit.
struct Sink {
    answers: SyncSender<Told>,
}

impl CommitSink<usize> for Sink {
    fn committed(&mut self, batch: Vec<Completed<usize>>, _now: Timestamp, credit: Credit) {
        let answers = batch.into_iter().map(|completed| (completed.ticket, completed.result)).collect();
        // At the end nobody listens any more.
        let _ = self.answers.send((answers, credit.share(Audience::Few)));
    }
}

fn not_taken(refused: Refused<usize>) -> CliError {
    CliError::failed(format!("the writer took no message: {refused:?}"), "this is a defect; please report it")
}

fn writer_gone() -> CliError {
    CliError::failed("the writer ended", "this is a defect of the program; please report it")
}
