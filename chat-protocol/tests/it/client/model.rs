//! A model of the server, small enough to be believed: dense numbers, keys, pages, resumes and resets.

use std::collections::{BTreeMap, BTreeSet};

use chat_domain::{MessageId, MessageKey, MessageKind, RoomName, Seq, Timestamp, UserId};
use chat_protocol::events::{
    Ack, Changed, Error, History, JoinRoom, LeaveRoom, NewMessage, RoomJoined, RoomLeft, RoomLeftReason,
    RoomsList, SendMessage, Status,
};
use chat_protocol::{ClientEvent, ErrorCode, Limits, Message, RoomEntry, RoomKind, ServerEvent, User};

/// Messages in a page of the model.
pub(crate) const PAGE: usize = 4;
/// Changes in a resume of the model, at most.
const RESUME_MAX: usize = 6;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It is refused before anything is done.
    Refused(ErrorCode),
    /// It is done, and the answer is that nobody knows.
    Unknown,
    /// It is done, and no answer comes.
    Unanswered,
}

/// How a live event is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Whole.
    Whole,
    /// As a number without content.
    Number,
    /// Not at all, as when a notification between nodes is lost.
    Lost,
    /// Twice.
    Twice,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Room {
    pub(crate) messages: Vec<Message>,
    pub(crate) last_seq: i64,
    members: BTreeSet<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) rooms: BTreeMap<RoomName, Room>,
    keys: BTreeMap<(i64, MessageKey), (RoomName, String, MessageId)>,
    epoch: u32,
    next_id: i64,
    /// The rooms to which the one connection is subscribed.
    subscribed: BTreeSet<RoomName>,
    /// Frames to the client.
    pub(crate) down: Vec<(Option<String>, ServerEvent)>,
}

pub(crate) fn user(id: i64) -> User {
    let name = format!("user-{id}");
    User { id: UserId::new(id), username: name.parse().unwrap(), display_name: name.parse().unwrap() }
}

impl Server {
    pub(crate) fn new(rooms: &[&str]) -> Self {
        let rooms = rooms.iter().map(|name| (name.parse().unwrap(), Room::default())).collect();
        Self { rooms, ..Self::default() }
    }

    pub(crate) fn epoch(&self) -> String {
        format!("epoch-{}", self.epoch)
    }

    /// The one connection of user 1 begins.
    pub(crate) fn connected(&mut self, re: Option<String>) {
        let event = ServerEvent::Status(Status::Connected {
            user: user(1),
            epoch: self.epoch(),
            protocol: 1,
            server: "model".to_owned(),
            limits: Limits::default(),
        });
        self.down.push((re, event));
    }

    /// The one connection ends.
    pub(crate) fn disconnected(&mut self) {
        self.subscribed.clear();
        self.down.clear();
    }

    /// Another database under the same name: everything has other numbers.
    pub(crate) fn import(&mut self) {
        self.epoch += 1;
        let names: Vec<RoomName> = self.rooms.keys().cloned().collect();
        for name in names {
            let room = self.rooms.get_mut(&name).unwrap();
            for (message, seq) in room.messages.iter_mut().zip(2..) {
                message.seq = Seq::new(seq);
                message.changed_seq = Seq::new(seq);
            }
            room.last_seq = i64::try_from(room.messages.len()).unwrap() + 1;
            self.next_id += 1;
            let first = message(self.next_id, 1, 9, "imported", None);
            self.rooms.get_mut(&name).unwrap().messages.insert(0, first);
        }
    }

    /// Somebody else writes.
    pub(crate) fn post(&mut self, name: &RoomName, body: &str, telling: Telling) {
        // The same key as the first one of user 1: keys are a person's own.
        self.store(name, 2, body, Some(MessageKey::new("key-0").unwrap()), telling);
    }

    /// A message changes: its number of birth stays.
    pub(crate) fn edit(&mut self, name: &RoomName, which: usize, telling: Telling) {
        let room = self.rooms.get_mut(name).unwrap();
        if room.messages.is_empty() {
            return;
        }
        let at = which % room.messages.len();
        room.last_seq += 1;
        let message = &mut room.messages[at];
        message.changed_seq = Seq::new(room.last_seq);
        message.body.push('!');
        let (seq, message) = (message.changed_seq, message.clone());
        self.tell(name, seq, message, telling);
    }

    /// User 1 ceases to be a member, maybe on another device.
    pub(crate) fn leave(&mut self, name: &RoomName) {
        self.rooms.get_mut(name).unwrap().members.remove(&1);
        self.subscribed.remove(name);
        let left = RoomLeft { room: name.clone(), reason: RoomLeftReason::Left };
        self.down.push((None, ServerEvent::RoomLeft(left)));
    }

    /// Answers a request of user 1.
    pub(crate) fn request(&mut self, id: Option<String>, event: ClientEvent, fault: Fault, telling: Telling) {
        if let Fault::Refused(code) = fault {
            self.refuse(id, code);
            return;
        }
        let answered = self.down.len();
        match event {
            ClientEvent::Connect(_) => self.connected(id.clone()),
            ClientEvent::Ping {} => self.down.push((id.clone(), ServerEvent::Pong {})),
            ClientEvent::GetRooms {} => {
                let rooms = self.rooms.iter().map(|(name, room)| listed(name, room)).collect();
                self.down.push((id.clone(), ServerEvent::RoomsList(RoomsList { rooms })));
            }
            ClientEvent::JoinRoom(event) => self.join(id.clone(), event),
            ClientEvent::LeaveRoom(LeaveRoom { room: name }) => {
                self.leave(&name);
                self.down.push((id.clone(), ServerEvent::Ack(Ack::default())));
            }
            ClientEvent::GetHistory(event) => {
                let messages = &self.rooms[&event.room].messages;
                let end = messages.iter().take_while(|message| message.seq < event.before).count();
                let start = end.saturating_sub(PAGE);
                let (messages, has_more) = (messages[start..end].to_vec(), start > 0);
                let history = History { room: event.room, messages, has_more };
                self.down.push((id.clone(), ServerEvent::History(history)));
            }
            ClientEvent::SendMessage(event) => self.send(id.clone(), event, telling),
            other => panic!("the model does not know {other:?}"),
        }
        let is_answer = |re: &Option<String>| id.is_some() && *re == id;
        match fault {
            Fault::Unknown | Fault::Unanswered => {
                let fresh = self.down.split_off(answered);
                self.down.extend(fresh.into_iter().filter(|(re, _)| !is_answer(re)));
                if fault == Fault::Unknown {
                    self.refuse(id, ErrorCode::Unavailable);
                }
            }
            Fault::None | Fault::Refused(_) => {}
        }
    }

    fn refuse(&mut self, id: Option<String>, code: ErrorCode) {
        let retry_after_ms = code.may_retry().then_some(700);
        self.down.push((id, ServerEvent::Error(Error { code, message: "no".to_owned(), retry_after_ms })));
    }

    fn join(&mut self, id: Option<String>, event: JoinRoom) {
        let room = self.rooms.get_mut(&event.room).unwrap();
        room.members.insert(1);
        self.subscribed.insert(event.room.clone());
        let epoch = self.epoch();
        let room = &self.rooms[&event.room];
        let resumes =
            event.after.filter(|after| event.epoch.as_ref() == Some(&epoch) && after.get() <= room.last_seq);
        let mut changes: Vec<Message> = room
            .messages
            .iter()
            .filter(|message| resumes.is_some_and(|after| message.changed_seq > after))
            .cloned()
            .collect();
        changes.sort_by_key(|message| message.changed_seq);
        let reset = event.after.is_some() && (resumes.is_none() || changes.len() > RESUME_MAX);
        let is_page = reset || event.after.is_none();
        let start = room.messages.len().saturating_sub(PAGE);
        let messages = if is_page { room.messages[start..].to_vec() } else { changes };
        let first = messages.iter().map(|message| message.seq).min();
        let has_more = first.is_some_and(|first| room.messages[0].seq < first);
        let last_seq = Seq::new(room.last_seq);
        let joined = RoomJoined {
            room: event.room,
            epoch,
            last_seq,
            members: 1,
            online: 1,
            participants: Vec::new(),
            messages,
            has_more,
            reset,
        };
        self.down.push((id, ServerEvent::RoomJoined(joined)));
    }

    fn send(&mut self, id: Option<String>, event: SendMessage, telling: Telling) {
        let SendMessage { room: name, body, key } = event;
        let body = String::from(body);
        if let Some((known_room, known_body, message_id)) = self.keys.get(&(1, key.clone())).cloned() {
            if known_room != name || known_body != body {
                return self.refuse(id, ErrorCode::KeyConflict);
            }
            let messages = &self.rooms[&name].messages;
            let stored = messages.iter().find(|message| message.id == message_id).unwrap().clone();
            return self.down.push((id, ack(name, &stored)));
        }
        if !self.rooms[&name].members.contains(&1) {
            return self.refuse(id, ErrorCode::NotAMember);
        }
        let stored = self.store(&name, 1, &body, Some(key), telling);
        self.down.push((id, ack(name, &stored)));
    }

    fn store(
        &mut self,
        name: &RoomName,
        author: i64,
        body: &str,
        key: Option<MessageKey>,
        telling: Telling,
    ) -> Message {
        self.next_id += 1;
        let room = self.rooms.get_mut(name).unwrap();
        room.last_seq += 1;
        let stored = message(self.next_id, room.last_seq, author, body, key.clone());
        room.messages.push(stored.clone());
        if let Some(key) = key {
            self.keys.insert((author, key), (name.clone(), body.to_owned(), stored.id));
        }
        self.tell(name, stored.seq, stored.clone(), telling);
        stored
    }

    fn tell(&mut self, name: &RoomName, seq: Seq, message: Message, telling: Telling) {
        if !self.subscribed.contains(name) {
            return;
        }
        let room = name.clone();
        let whole = ServerEvent::NewMessage(NewMessage { room: room.clone(), seq, message });
        match telling {
            Telling::Whole => self.down.push((None, whole)),
            Telling::Number => self.down.push((None, ServerEvent::Changed(Changed { room, seq }))),
            Telling::Lost => {}
            Telling::Twice => self.down.extend([(None, whole.clone()), (None, whole)]),
        }
    }
}

fn listed(name: &RoomName, room: &Room) -> RoomEntry {
    RoomEntry {
        name: name.clone(),
        description: "".parse().unwrap(),
        kind: RoomKind::Open,
        joined: room.members.contains(&1),
        last_seq: Seq::new(room.last_seq),
        read_seq: Seq::ZERO,
        unread: 0,
        members: 1,
        online: 1,
    }
}

fn ack(room: RoomName, message: &Message) -> ServerEvent {
    ServerEvent::Ack(Ack {
        room: Some(room),
        seq: Some(message.seq),
        message_id: Some(message.id),
        created_at: Some(message.created_at),
    })
}

pub(crate) fn message(id: i64, seq: i64, author: i64, body: &str, key: Option<MessageKey>) -> Message {
    Message {
        id: MessageId::new(id),
        seq: Seq::new(seq),
        changed_seq: Seq::new(seq),
        user: Some(user(author)),
        body: body.to_owned(),
        kind: MessageKind::Text,
        created_at: Timestamp::from_unix_ms(seq),
        edited_at: None,
        key,
    }
}
