//! What follows a commit: each room's frames are encoded once, and every shard gets them with its answers.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chat_domain::{
    Command, CommandError, LeaveRoom, Message, Outcome, RepositoryError, RoomId, RoomName, Seq, Timestamp,
};
use chat_protocol::ServerEvent;
use chat_protocol::events::{Ack, NewMessage};
use chat_store::{Audience, CommitSink, Completed, Credit, Transactions};

use crate::ended_membership::EndedMembership;
use crate::failure::{Failure, note_store_works};
use crate::frame;
use crate::node::Node;
use crate::node::metrics::StoreRead;
use crate::shard::inbox::{RoomFrames, ShardEvent};
use crate::store_access::Ticket;
use crate::survive::survive_now;

/// Frames that fill a hole in one room, at most; a client that misses more catches up by itself.
const HEALED_MAX: u32 = 500;

/// Tells the shards of each commit, on the writer's thread.
pub(crate) struct Committed<S> {
    node: Arc<Node>,
    store: S,
    /// When the batch that is being committed was taken.
    began: Duration,
}

impl<S> Committed<S> {
    pub(crate) fn new(node: Arc<Node>, store: S) -> Self {
        Self { node, store, began: Duration::ZERO }
    }
}

impl<S: Transactions + Send + 'static> CommitSink<Ticket> for Committed<S> {
    fn beginning(&mut self) {
        self.began = self.node.clock.elapsed();
    }

    fn committed(&mut self, batch: Vec<Completed<Ticket>>, _now: Timestamp, credit: Credit) {
        self.node.metrics.committed(batch.len(), self.node.clock.elapsed().saturating_sub(self.began));
        // Whoever waits for an answer that a panic swallowed is told `unavailable` in time, and tries again.
        survive_now("the news of a commit", || self.tell(batch, &credit));
    }
}

impl<S: Transactions> Committed<S> {
    /// Tells the shards of a commit.
    fn tell(&self, batch: Vec<Completed<Ticket>>, credit: &Credit) {
        let mut report = Report::new(self.node.inboxes.len());
        let mut left = Vec::new();
        self.heal_doubtful(&batch, &mut report);
        for Completed { ticket, command, result } in batch {
            match &result {
                Ok(outcome) => self.note(&command, outcome, &mut report, &mut left),
                Err(error) => self.note_failure(&command, error),
            }
            self.answer(ticket, result, &mut report);
        }
        self.hand_out(report, credit);
        for ended in left {
            ended.tell(&self.node);
        }
    }
}

/// Bytes of one room's frames that are written out at once. A large commit goes out in several pieces, so that it
/// never fills the queue of a client that reads.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// What a commit has for the shards.
struct Report {
    rooms: BTreeMap<RoomId, Building>,
    answers: Vec<Vec<(u64, Result<Ack, Failure>)>>,
}

/// The frames of one room, while they are encoded.
struct Building {
    name: RoomName,
    first: Seq,
    pieces: Pieces,
}

/// Frames in pieces of bounded size, each with the number of its last change.
#[derive(Default)]
struct Pieces(Vec<(Seq, Vec<u8>)>);

impl Pieces {
    fn add(&mut self, room: &RoomName, message: Message) {
        let seq = message.changed_seq;
        if self.0.last().is_none_or(|(_, frames)| frames.len() >= PIECE_BYTES_MAX) {
            self.0.push((seq, Vec::with_capacity(512)));
        }
        let Some((last, frames)) = self.0.last_mut() else { return };
        *last = seq;
        let event = ServerEvent::NewMessage(NewMessage { room: room.clone(), seq, message: message.into() });
        frame::append_event(&event, None, frames);
    }
}

impl Report {
    fn new(shards: usize) -> Self {
        Self { rooms: BTreeMap::new(), answers: (0..shards).map(|_| Vec::new()).collect() }
    }

    /// Adds a message; those of a room come in ascending order.
    fn add(&mut self, node: &Node, message: Message) {
        let (room_id, seq) = (message.room_id, message.changed_seq);
        let building = match self.rooms.entry(room_id) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(vacant) => {
                let Some(name) = node.directory.name(room_id) else { return };
                vacant.insert(Building { name, first: seq, pieces: Pieces::default() })
            }
        };
        building.pieces.add(&building.name, message);
    }
}

impl<S: Transactions> Committed<S> {
    /// Keeps what the node must know of an outcome.
    fn note(
        &self,
        command: &Command,
        outcome: &Outcome,
        report: &mut Report,
        left: &mut Vec<EndedMembership>,
    ) {
        match (command, outcome) {
            (_, Outcome::RoomJoined(joined)) => {
                self.node.directory.set_members(joined.participant.room_id, joined.members);
            }
            (Command::LeaveRoom(leave), Outcome::RoomLeft(gone)) => {
                self.node.directory.set_members(leave.room_id, gone.members);
                let LeaveRoom { room_id, user_id } = *leave;
                left.push(EndedMembership { room_id, user_id, control_seq: gone.control_seq });
            }
            _ => {}
        }
        if let Some(message) = news(outcome) {
            self.node.metrics.stored(message.kind);
            report.add(&self.node, message.clone());
        }
    }

    /// A commit that failed may be stored all the same.
    fn note_failure(&self, command: &Command, error: &CommandError) {
        let is_unknown = matches!(error, CommandError::Repository(RepositoryError::Unavailable(_)));
        if let (true, Some(room_id)) = (is_unknown, numbering(command)) {
            self.node.tops.doubt(room_id);
        }
        if let (Command::RecordPresence(records), CommandError::Repository(error)) = (command, error)
            && !matches!(error, RepositoryError::Corrupt(_) | RepositoryError::Internal(_))
        {
            self.node.presence.put_back(records);
        }
    }

    fn answer(&self, ticket: Ticket, result: Result<Outcome, CommandError>, report: &mut Report) {
        match ticket {
            // The log is told all the same.
            Ticket::Nobody => drop(result.map_err(Failure::from)),
            Ticket::Call(caller) => drop(caller.send(result)),
            Ticket::Request { shard, request } => {
                let answer = match result {
                    Ok(Outcome::MessageSent(sent)) => match self.node.directory.name(sent.message.room_id) {
                        Some(room) => Ok(Ack::of_message(room, &sent)),
                        None => Err(Failure::internal("a message of an unknown room")),
                    },
                    Ok(_) => Ok(Ack::default()),
                    Err(error) => Err(error.into()),
                };
                if let Some(answers) = report.answers.get_mut(shard) {
                    answers.push((request, answer));
                }
            }
        }
    }

    /// Fills holes in front of the frames, and posts the report to every shard.
    fn hand_out(&self, report: Report, credit: &Credit) {
        let mut rounds: Vec<Vec<RoomFrames>> = Vec::new();
        let mut audiences = BTreeSet::new();
        for (room_id, building) in report.rooms {
            let last = building.pieces.0.last().map_or(building.first, |(last, _)| *last);
            let audience = self.node.audience(room_id);
            audiences.insert(audience);
            let mut pieces = Pieces::default();
            if let Some(after) = self.node.tops.tell(room_id, building.first, last) {
                pieces = self.missing(room_id, &building, after);
            }
            for (round, (last, frames)) in pieces.0.into_iter().chain(building.pieces.0).enumerate() {
                let frames = RoomFrames { room_id, last, audience, frames: frames.into() };
                match rounds.get_mut(round) {
                    Some(rooms) => rooms.push(frames),
                    None => rounds.push(vec![frames]),
                }
            }
        }
        if audiences.is_empty() {
            // Answers alone.
            audiences.insert(Audience::Few);
        }
        for (inbox, answers) in self.node.inboxes.iter().zip(report.answers) {
            if !rounds.is_empty() || !answers.is_empty() {
                let credit = audiences.iter().map(|&audience| credit.share(audience)).collect();
                inbox.post(ShardEvent::Committed { rounds: rounds.clone(), answers, credit });
            }
        }
    }

    /// The changes of a room above `after` and below its new ones, read from the database.
    fn missing(&self, room_id: RoomId, building: &Building, after: Seq) -> Pieces {
        let mut pieces = Pieces::default();
        for message in self.changes(room_id, after) {
            if message.changed_seq < building.first {
                pieces.add(&building.name, message);
            }
        }
        pieces
    }

    fn changes(&self, room_id: RoomId, after: Seq) -> Vec<Message> {
        self.node.metrics.store_read(StoreRead::Hole);
        let read = self.store.read(|repository| repository.list_changes(room_id, after, HEALED_MAX));
        read.unwrap_or_else(|error: RepositoryError| {
            tracing::warn!(%error, %room_id, "a hole in a room could not be read");
            self.node.tops.doubt(room_id);
            Vec::new()
        })
    }

    /// After a commit succeeds again: tells what an earlier one stored although it seemed to fail.
    fn heal_doubtful(&self, batch: &[Completed<Ticket>], report: &mut Report) {
        if !batch.iter().any(|completed| completed.result.is_ok()) {
            return;
        }
        note_store_works();
        // The last one collected of a room counts, which is its first one in the batch.
        let first: BTreeMap<RoomId, Seq> = batch
            .iter()
            .filter_map(|completed| news(completed.result.as_ref().ok()?))
            .map(|message| (message.room_id, message.changed_seq))
            .rev()
            .collect();
        for (room_id, told) in self.node.tops.take_doubtful() {
            // What this batch itself stored comes with the batch.
            let before = first.get(&room_id).copied();
            let changes = self.changes(room_id, told);
            if u32::try_from(changes.len()).is_ok_and(|read| read >= HEALED_MAX) {
                // There may be more, and nobody would see the hole before the next message.
                self.node.tops.doubt(room_id);
            }
            for message in changes {
                if before.is_none_or(|before| message.changed_seq < before) {
                    report.add(&self.node, message);
                }
            }
        }
    }
}

/// The message that an outcome stored, if it stored one.
fn news(outcome: &Outcome) -> Option<&Message> {
    match outcome {
        Outcome::MessageSent(sent) => sent.is_new.then_some(&sent.message),
        Outcome::RoomJoined(joined) => joined.message.as_ref(),
        Outcome::RoomLeft(gone) => gone.message.as_ref(),
        _ => None,
    }
}

/// The room in which a command takes a number.
fn numbering(command: &Command) -> Option<RoomId> {
    match command {
        Command::SendMessage(send) => Some(send.room_id),
        Command::JoinRoom(join) => Some(join.room_id),
        Command::LeaveRoom(leave) => Some(leave.room_id),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
