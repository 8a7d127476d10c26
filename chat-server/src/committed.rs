//! What follows a commit: each room's frames are encoded once, and every shard gets them with its answers.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chat_domain::{
    Command, CommandError, LeaveReason, Message, Outcome, RepositoryError, RoomId, RoomName, Seq, Timestamp,
    UserId,
};
use chat_protocol::ServerEvent;
use chat_protocol::events::{Ack, NewMessage, RoomLeft, RoomLeftReason};
use chat_store::{Audience, CommitSink, Completed, Credit, Transactions};

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
        for (room_id, user_id) in left {
            end_membership(&self.node, room_id, user_id, RoomLeftReason::Left);
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
        left: &mut Vec<(RoomId, UserId)>,
    ) {
        match (command, outcome) {
            (_, Outcome::RoomJoined(joined)) => {
                self.node.directory.set_members(joined.participant.room_id, joined.members);
            }
            (Command::LeaveRoom(leave), Outcome::RoomLeft(gone)) => {
                self.node.directory.set_members(leave.room_id, gone.members);
                left.push((leave.room_id, leave.user_id));
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
        let newest: BTreeMap<RoomId, Seq> = batch
            .iter()
            .filter_map(|completed| news(completed.result.as_ref().ok()?))
            .map(|message| (message.room_id, message.changed_seq))
            .rev()
            .collect();
        for (room_id, told) in self.node.tops.take_doubtful() {
            // What this batch itself stored comes with the batch.
            let before = newest.get(&room_id).copied();
            for message in self.changes(room_id, told) {
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

/// Ends what a person hears of a room, on all connections of this node.
pub(crate) fn end_membership(node: &Node, room_id: RoomId, user_id: UserId, reason: RoomLeftReason) {
    node.room_reads.note_ended();
    let Some(room) = node.directory.name(room_id) else { return };
    if let Some(user) = node.presence.user(room_id, user_id) {
        node.stop_typing(room_id, &user);
    }
    node.presence.remove(room_id, user_id, LeaveReason::Left);
    let frame = frame::of_event(&ServerEvent::RoomLeft(RoomLeft { room, reason }), None);
    for inbox in node.inboxes.iter() {
        let user_id = Some(user_id);
        inbox.post(ShardEvent::Unsubscribe { room_id, user_id, frame: frame.clone() });
    }
}

#[cfg(test)]
mod tests {
    use chat_domain::{Body, MessageId, MessageKey, MessageKind, MessageSent, Repository, SendMessage};

    use super::*;
    use crate::defect::node;

    const ROOM: RoomId = RoomId::new(1);

    /// A database that can't be read.
    struct Unreadable;

    impl Transactions for Unreadable {
        fn read<T, E: From<RepositoryError>>(
            &self,
            _: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
        ) -> Result<T, E> {
            Err(RepositoryError::Unavailable("away".to_owned()).into())
        }

        fn write_retrying<T, E: From<RepositoryError>>(
            &self,
            _: impl FnMut(&mut dyn Repository) -> Result<T, E>,
        ) -> Result<T, E> {
            Err(RepositoryError::Unavailable("away".to_owned()).into())
        }
    }

    /// A message that a commit stored as that number.
    fn stored(seq: i64) -> Completed<Ticket> {
        let (body, key) = (Body::new("hi").unwrap(), MessageKey::new(seq.to_string()).unwrap());
        let message = Message {
            id: MessageId::new(seq),
            room_id: ROOM,
            seq: Seq::new(seq),
            changed_seq: Seq::new(seq),
            author: None,
            body: body.as_str().to_owned(),
            kind: MessageKind::Text,
            created_at: Timestamp::default(),
            edited_at: None,
            key: Some(key.clone()),
        };
        let command = SendMessage { user_id: UserId::new(1), room_id: ROOM, body, key };
        Completed {
            ticket: Ticket::Nobody,
            command: Command::SendMessage(command),
            result: Ok(Outcome::MessageSent(MessageSent { message, is_new: true })),
        }
    }

    #[test]
    fn a_hole_that_could_not_be_read_stays_in_doubt() {
        let node = node();
        let committed = Committed::new(Arc::clone(&node), Unreadable);
        committed.tell(vec![stored(1)], &Credit::of_nobody());
        assert!(!node.tops.has_doubts());
        committed.tell(vec![stored(3)], &Credit::of_nobody());
        assert!(node.tops.has_doubts());
        // The next commit looks again, and as long as nothing can be read the doubt stays.
        committed.tell(vec![stored(4)], &Credit::of_nobody());
        assert!(node.tops.has_doubts());
    }
}
