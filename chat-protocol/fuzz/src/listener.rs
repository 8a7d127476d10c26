//! Somebody on a connection who asks, listens, and checks what the contract says of it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use chat_domain::limits::{PAGE_MESSAGES_MAX, PARTICIPANTS_LISTED_MAX, RESUME_CHANGES_MAX};
use chat_domain::{MessageKey, RoomName, Seq};
use chat_protocol::events::{Ack, Error, NewMessage, RoomJoined, Status};
use chat_protocol::{BadRequest, ClientEvent, ErrorCode, Message, Request, ServerEvent, decode};
use chat_server::fuzzing::{Chat, Wire};

use crate::frames::{self, Sent};

/// Bytes in the text of an error, at most: it names the thing and the limit, and repeats nothing.
const ERROR_BYTES_MAX: usize = 256;

/// One connection.
pub struct Listener {
    wire: Wire,
    held: Vec<u8>,
    /// How often something was asked with each id, and how often it was answered.
    asked: BTreeMap<String, (usize, usize)>,
    /// Ids with which something was asked that may get no answer.
    silent: BTreeSet<String>,
    /// The keys of the sends whose id was used for nothing else.
    sends: BTreeMap<String, MessageKey>,
    /// The rooms that are heard, and the last number of each; none after a `changed`.
    rooms: BTreeMap<RoomName, Option<Seq>>,
    /// Who is signed in.
    user: Option<String>,
    has_left: bool,
    /// Whether it once took nothing: who answers no ping then is gone without a close.
    was_blocked: bool,
    is_closed: bool,
}

/// What was acknowledged, by the person and the key.
#[derive(Default)]
pub struct Ledger(BTreeMap<(String, MessageKey), Ack>);

impl Listener {
    pub fn new(wire: Wire) -> Self {
        Self {
            wire,
            held: Vec::new(),
            asked: BTreeMap::new(),
            silent: BTreeSet::new(),
            sends: BTreeMap::new(),
            rooms: BTreeMap::new(),
            user: None,
            has_left: false,
            was_blocked: false,
            is_closed: false,
        }
    }

    /// Sends a text frame.
    pub fn ask(&mut self, text: &str) {
        let (id, event) = match decode(text) {
            Ok(Request { id, event }) => (id, Some(event)),
            Err(BadRequest { id, .. }) => (id, None),
        };
        if let Some(id) = id {
            self.note(id, event);
        }
        self.wire.send(&frames::text(text));
    }

    /// Takes nothing more for a while.
    pub fn block(&mut self) {
        self.was_blocked = true;
        self.wire.set_room(0);
    }

    /// Takes everything again.
    pub fn unblock(&self) {
        self.wire.set_room(usize::MAX);
    }

    /// Whether the server has let the connection go.
    pub fn has_ended(&self) -> bool {
        self.wire.has_ended()
    }

    /// Ends the connection without a close.
    pub fn leave(&mut self) {
        self.has_left = true;
        self.wire.finish();
    }

    fn note(&mut self, id: String, event: Option<ClientEvent>) {
        if matches!(event, Some(ClientEvent::TypingStart(_) | ClientEvent::TypingStop(_))) {
            self.silent.insert(id.clone());
        }
        match self.asked.entry(id.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert((1, 0));
                if let Some(ClientEvent::SendMessage(send)) = event {
                    self.sends.insert(id, send.key);
                }
            }
            Entry::Occupied(mut again) => {
                again.get_mut().0 += 1;
                self.sends.remove(&id);
            }
        }
    }

    /// Looks at all that came.
    pub fn listen(&mut self, ledger: &mut Ledger) {
        self.held.extend(self.wire.take_written());
        while let Some(sent) = frames::next(&mut self.held) {
            assert!(!self.is_closed, "nothing follows a close");
            match sent {
                Sent::Event(frame) => self.hear(frame.re, frame.event, ledger),
                Sent::Ping => self.wire.send(&frames::EMPTY_PONG),
                Sent::Pong => {}
                Sent::Close => self.is_closed = true,
            }
        }
    }

    fn hear(&mut self, re: Option<String>, event: ServerEvent, ledger: &mut Ledger) {
        let is_known = self.user.is_some() || matches!(event, ServerEvent::Status(_) | ServerEvent::Error(_));
        assert!(is_known, "a stranger hears {event:?}");
        if let Some(id) = &re {
            let (asked, answered) = self.asked.get_mut(id).expect("an id that was asked with");
            *answered += 1;
            assert!(answered <= asked, "answered twice: {id:?}");
        }
        match event {
            ServerEvent::Status(Status::Connected { user, .. }) => self.user = Some(user.username.into()),
            ServerEvent::Error(error) => check_error(&error),
            ServerEvent::Ack(ack) => self.acknowledged(re, ack, ledger),
            ServerEvent::RoomJoined(joined) => self.joined(joined),
            ServerEvent::NewMessage(message) => self.message(&message),
            ServerEvent::Changed(changed) => *self.hears(&changed.room) = None,
            ServerEvent::RoomLeft(left) => drop(self.rooms.remove(&left.room)),
            ServerEvent::History(page) => check_messages(&page.messages, PAGE_MESSAGES_MAX),
            ServerEvent::UserJoined(event) => drop(self.hears(&event.room)),
            ServerEvent::UserLeft(event) => drop(self.hears(&event.room)),
            ServerEvent::Presence(event) => drop(self.hears(&event.room)),
            ServerEvent::UserTyping(event) => drop(self.hears(&event.room)),
            ServerEvent::Status(Status::Closing { .. })
            | ServerEvent::Pong {}
            | ServerEvent::RoomsList(_)
            | ServerEvent::RoomsChanged {}
            | ServerEvent::ReadMarker(_)
            | ServerEvent::Unknown => {}
        }
    }

    /// A room of which something is told is one that was joined.
    fn hears(&mut self, room: &RoomName) -> &mut Option<Seq> {
        self.rooms.get_mut(room).unwrap_or_else(|| panic!("hears {room}, which was not joined"))
    }

    fn joined(&mut self, joined: RoomJoined) {
        check_messages(&joined.messages, RESUME_CHANGES_MAX);
        assert!(joined.participants.len() <= usize::try_from(PARTICIPANTS_LISTED_MAX).unwrap());
        assert!(joined.messages.last().is_none_or(|last| last.changed_seq <= joined.last_seq));
        self.rooms.insert(joined.room, Some(joined.last_seq));
    }

    /// The next number, or one that is known.
    fn message(&mut self, event: &NewMessage) {
        if let Some(last) = self.hears(&event.room) {
            assert!(event.seq <= last.next(), "a hole between {last} and {}", event.seq);
            *last = event.seq.max(*last);
        }
    }

    fn acknowledged(&mut self, re: Option<String>, ack: Ack, ledger: &mut Ledger) {
        let key = re.and_then(|id| self.sends.remove(&id));
        let (Some(key), Some(user)) = (key, self.user.clone()) else { return };
        let first = ledger.0.entry((user, key)).or_insert_with(|| ack.clone());
        assert_eq!(*first, ack, "a retry gets the first ack");
    }

    /// Whoever is still there has an answer to every question, and has heard of everything.
    pub fn check_end(&self, chat: &Chat) {
        if self.has_left || self.is_closed || (self.was_blocked && self.has_ended()) {
            return;
        }
        assert!(!self.has_ended(), "it is let go without a close");
        for (id, (asked, answered)) in &self.asked {
            assert!(
                self.silent.contains(id) || asked == answered,
                "{asked} asked with {id:?}, {answered} answered"
            );
        }
        for (room, last) in &self.rooms {
            let stored = chat.stored(room.as_str());
            let newest = stored.last().map_or(Seq::ZERO, |message| message.changed_seq);
            assert!(last.is_none_or(|last| last == newest), "{room} is told up to {last:?} of {newest}");
        }
    }
}

impl Ledger {
    /// What was acknowledged is stored, and the numbers are dense.
    pub fn check(&self, chat: &Chat) {
        for ((user, key), ack) in &self.0 {
            let room = ack.room.as_ref().expect("the room of an acknowledged message");
            let stored = chat.stored(room.as_str());
            let is_it = |message: &&chat_domain::Message| {
                message.key.as_ref() == Some(key)
                    && message.author.as_ref().is_some_and(|author| author.username.as_str() == user)
            };
            let found =
                stored.iter().find(is_it).unwrap_or_else(|| panic!("{key} is acknowledged and not stored"));
            assert_eq!((Some(found.seq), Some(found.id)), (ack.seq, ack.message_id));
            for (message, wanted) in stored.iter().zip(1..) {
                assert_eq!(message.seq, Seq::new(wanted), "dense numbers in {room}");
            }
        }
    }
}

/// Ascending numbers, and not too many of them.
fn check_messages(messages: &[Message], most: u32) {
    assert!(messages.is_sorted_by(|one, next| one.changed_seq < next.changed_seq));
    assert!(messages.len() <= usize::try_from(most).unwrap());
}

/// A name, a short text, and a time to wait exactly where waiting helps.
pub fn check_error(error: &Error) {
    assert_ne!(error.code, ErrorCode::Internal, "a defect of the server");
    assert_eq!(error.retry_after_ms.is_some(), error.code.may_retry(), "{error:?}");
    check_error_text(&error.message);
}

/// The text of an error is short and stays on its line.
pub fn check_error_text(text: &str) {
    assert!(!text.is_empty() && text.len() <= ERROR_BYTES_MAX, "{text:?}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
}
