//! The rows that a batch reads before its rules run, and writes after them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Command, Outcome};
use crate::join_room::RoomJoined;
use crate::leave_room::RoomLeft;
use crate::mark_read::ReadMarked;
use crate::repository::RoomCounters;
use crate::send_message::MessageSent;
use crate::{
    ControlAction, ControlSeq, Member, Message, MessageId, MessageKey, MessageKind, NewMessage, Participant,
    Repository, RepositoryError, Room, RoomId, Seq, Timestamp, UserId, UserSummary,
};

/// What a command decided before anything was written. Messages are named by their place in the batch.
#[derive(Debug)]
pub(crate) enum Applied {
    /// The outcome is known.
    Known(Outcome),
    /// A message was sent, and is new.
    Sent(Pending),
    /// A message was sent earlier in this batch.
    SentAgain(Pending),
    /// Somebody became a member.
    Joined { participant: Participant, members: i64, message: Option<Pending> },
    /// Somebody ceased to be a member.
    Left { members: i64, message: Option<Pending>, entry: PendingEntry },
    /// A read position moved.
    Read { room_id: RoomId, user_id: UserId, read_seq: Seq },
}

/// A message of this batch.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    index: usize,
    author: UserSummary,
}

/// An entry of the control log, by its place in this batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PendingEntry(usize);

/// The numbers that a batch got when it was written.
pub(super) struct Numbers {
    messages: Vec<MessageId>,
    control: Vec<ControlSeq>,
}

/// What was sent with a key.
pub(crate) enum Sent {
    /// In an earlier transaction.
    Earlier(Box<Message>),
    /// In this batch.
    Here(Pending),
}

/// The rows that a batch reads and changes.
#[derive(Default)]
pub(crate) struct Batch {
    now: Timestamp,
    rooms: BTreeMap<RoomId, Room>,
    touched_rooms: BTreeSet<RoomId>,
    members: HashMap<(RoomId, UserId), Member>,
    sent: HashMap<(UserId, MessageKey), Message>,
    sent_here: HashMap<(UserId, MessageKey), Pending>,
    messages: Vec<NewMessage>,
    memberships: Vec<(RoomId, UserId)>,
    /// The memberships that were there when the batch began.
    stored_memberships: HashMap<(RoomId, UserId), Participant>,
    control: Vec<ControlAction>,
}

impl Batch {
    pub(super) fn read<R: Repository + ?Sized>(
        repository: &mut R,
        now: Timestamp,
        commands: &[Command],
    ) -> Result<Self, RepositoryError> {
        let mut room_ids = BTreeSet::new();
        let mut member_keys = BTreeSet::new();
        let mut send_keys = BTreeSet::new();
        for command in commands {
            let key = match command {
                Command::SendMessage(send) => {
                    send_keys.insert((send.user_id, send.key.clone()));
                    (send.room_id, send.user_id)
                }
                Command::JoinRoom(join) => (join.room_id, join.user_id),
                Command::LeaveRoom(leave) => (leave.room_id, leave.user_id),
                Command::MarkRead(read) => (read.room_id, read.user_id),
                _ => continue,
            };
            room_ids.insert(key.0);
            member_keys.insert(key);
        }
        if room_ids.is_empty() {
            return Ok(Self { now, ..Self::default() });
        }
        let room_ids: Vec<RoomId> = room_ids.into_iter().collect();
        let rooms = repository.lock_rooms(&room_ids)?;
        let member_keys: Vec<(RoomId, UserId)> = member_keys.into_iter().collect();
        let members = repository.find_members(&member_keys)?;
        let send_keys: Vec<(UserId, MessageKey)> = send_keys.into_iter().collect();
        let sent = repository.find_sent(&send_keys)?;
        let members: HashMap<_, _> =
            member_keys.into_iter().zip(members).filter_map(|(key, member)| Some((key, member?))).collect();
        Ok(Self {
            now,
            rooms: rooms.into_iter().map(|room| (room.id, room)).collect(),
            stored_memberships: members
                .iter()
                .filter_map(|(&key, member)| Some((key, member.participant.clone()?)))
                .collect(),
            members,
            sent: send_keys.into_iter().zip(sent).filter_map(|(key, sent)| Some((key, sent?))).collect(),
            ..Self::default()
        })
    }

    /// When the batch is stored.
    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    /// A locked room.
    pub(crate) fn room(&self, id: RoomId) -> Option<&Room> {
        self.rooms.get(&id)
    }

    /// A person and their membership, as it is at this point of the batch.
    pub(crate) fn member(&self, room_id: RoomId, user_id: UserId) -> Option<&Member> {
        self.members.get(&(room_id, user_id))
    }

    /// What somebody sent with a key, at this point of the batch.
    pub(crate) fn sent(&self, user_id: UserId, key: &MessageKey) -> Option<Sent> {
        let key = (user_id, key.clone());
        if let Some(pending) = self.sent_here.get(&key) {
            return Some(Sent::Here(pending.clone()));
        }
        self.sent.get(&key).map(|message| Sent::Earlier(Box::new(message.clone())))
    }

    /// The room and text of a message of this batch.
    pub(crate) fn pending(&self, pending: &Pending) -> Option<(RoomId, &str)> {
        self.messages.get(pending.index).map(|message| (message.room_id, message.body.as_str()))
    }

    /// Numbers a message of somebody and keeps it for writing.
    pub(crate) fn add_message(
        &mut self,
        room_id: RoomId,
        author: &UserSummary,
        kind: MessageKind,
        body: String,
        key: Option<&MessageKey>,
    ) -> Option<Pending> {
        let room = self.rooms.get_mut(&room_id)?;
        room.last_seq = room.last_seq.next();
        self.touched_rooms.insert(room_id);
        let pending = Pending { index: self.messages.len(), author: author.clone() };
        self.messages.push(NewMessage {
            room_id,
            seq: room.last_seq,
            user_id: Some(author.id),
            body,
            kind,
            created_at: self.now,
            key: key.cloned(),
        });
        if let Some(key) = key {
            self.sent_here.insert((author.id, key.clone()), pending.clone());
        }
        Some(pending)
    }

    /// Changes somebody's membership, and with it the room's number of members, which is returned.
    pub(crate) fn set_membership(
        &mut self,
        room_id: RoomId,
        user_id: UserId,
        participant: Option<Participant>,
    ) -> i64 {
        let (Some(room), Some(member)) =
            (self.rooms.get_mut(&room_id), self.members.get_mut(&(room_id, user_id)))
        else {
            return 0;
        };
        match (&member.participant, &participant) {
            (None, Some(_)) => room.members += 1,
            (Some(_), None) => room.members -= 1,
            _ => {}
        }
        member.participant = participant;
        self.touched_rooms.insert(room_id);
        self.memberships.push((room_id, user_id));
        room.members
    }

    /// How many memberships of somebody began in this batch.
    pub(crate) fn joined_here(&self, user_id: UserId) -> usize {
        let own =
            self.members.iter().filter(|(key, member)| key.1 == user_id && member.participant.is_some());
        own.filter(|(key, _)| !self.stored_memberships.contains_key(key)).count()
    }

    /// Moves somebody's read position forward; returns where it is.
    pub(crate) fn raise_read_seq(&mut self, room_id: RoomId, user_id: UserId, seq: Seq) -> Seq {
        let participant =
            self.members.get_mut(&(room_id, user_id)).and_then(|member| member.participant.as_mut());
        let Some(participant) = participant else { return Seq::ZERO };
        if seq > participant.read_seq {
            participant.read_seq = seq;
            self.memberships.push((room_id, user_id));
        }
        participant.read_seq
    }

    /// Keeps an entry for the control log.
    pub(crate) fn add_control(&mut self, action: ControlAction) -> PendingEntry {
        self.control.push(action);
        PendingEntry(self.control.len() - 1)
    }

    pub(super) fn write<R: Repository + ?Sized>(
        &self,
        repository: &mut R,
    ) -> Result<Numbers, RepositoryError> {
        let messages =
            if self.messages.is_empty() { Vec::new() } else { repository.insert_messages(&self.messages)? };
        if !self.touched_rooms.is_empty() {
            let counters: Vec<RoomCounters> = self
                .touched_rooms
                .iter()
                .filter_map(|id| self.rooms.get(id))
                .map(|room| RoomCounters { id: room.id, last_seq: room.last_seq, members: room.members })
                .collect();
            repository.set_room_counters(&counters)?;
        }
        self.write_memberships(repository)?;
        let control = self
            .control
            .iter()
            .map(|action| repository.append_control(action, self.now))
            .collect::<Result<_, _>>()?;
        Ok(Numbers { messages, control })
    }

    /// Writes each touched membership once, by what it was and what it is.
    fn write_memberships<R: Repository + ?Sized>(&self, repository: &mut R) -> Result<(), RepositoryError> {
        let touched: BTreeSet<(RoomId, UserId)> = self.memberships.iter().copied().collect();
        let mut raised = Vec::new();
        for key @ (room_id, user_id) in touched {
            let is = self.members.get(&key).and_then(|member| member.participant.as_ref());
            match (self.stored_memberships.get(&key), is) {
                (None, Some(participant)) => repository.add_participant(participant)?,
                (Some(_), None) => repository.remove_participant(room_id, user_id)?,
                (Some(was), Some(participant)) if was.joined_at != participant.joined_at => {
                    repository.remove_participant(room_id, user_id)?;
                    repository.add_participant(participant)?;
                }
                (Some(was), Some(participant)) if was.read_seq < participant.read_seq => {
                    raised.push((room_id, user_id, participant.read_seq));
                }
                _ => {}
            }
        }
        if raised.is_empty() { Ok(()) } else { repository.raise_read_seqs(&raised) }
    }

    pub(super) fn finish<R: Repository + ?Sized>(
        &self,
        repository: &mut R,
        applied: Applied,
        numbers: &Numbers,
    ) -> Result<Outcome, RepositoryError> {
        Ok(match applied {
            Applied::Known(outcome) => outcome,
            Applied::Sent(pending) => {
                Outcome::MessageSent(MessageSent { message: self.stored(&pending, numbers)?, is_new: true })
            }
            Applied::SentAgain(pending) => {
                Outcome::MessageSent(MessageSent { message: self.stored(&pending, numbers)?, is_new: false })
            }
            Applied::Joined { participant, members, message } => Outcome::RoomJoined(RoomJoined {
                participant,
                members,
                is_new: true,
                message: message.map(|pending| self.stored(&pending, numbers)).transpose()?,
            }),
            Applied::Left { members, message, entry: PendingEntry(index) } => Outcome::RoomLeft(RoomLeft {
                members,
                message: message.map(|pending| self.stored(&pending, numbers)).transpose()?,
                control_seq: *numbers.control.get(index).ok_or_else(|| {
                    RepositoryError::Internal("an entry of the control log has no number".to_owned())
                })?,
            }),
            Applied::Read { room_id, user_id, read_seq } => {
                let unread =
                    repository.count_unread(room_id, user_id, read_seq, crate::limits::UNREAD_COUNTED_MAX)?;
                Outcome::ReadMarked(ReadMarked { room_id, user_id, read_seq, unread })
            }
        })
    }

    /// A message of this batch with the id it got.
    fn stored(&self, pending: &Pending, numbers: &Numbers) -> Result<Message, RepositoryError> {
        let (Some(new), Some(&id)) = (self.messages.get(pending.index), numbers.messages.get(pending.index))
        else {
            return Err(RepositoryError::Internal("the store gave fewer ids than messages".to_owned()));
        };
        Ok(Message {
            id,
            room_id: new.room_id,
            seq: new.seq,
            changed_seq: new.seq,
            author: Some(pending.author.clone()),
            body: new.body.clone(),
            kind: new.kind,
            created_at: new.created_at,
            edited_at: None,
            key: new.key.clone(),
        })
    }
}
