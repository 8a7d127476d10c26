//! A client that keeps the contract: nothing lost, nothing twice, one order. Pure: no socket, no clock, no chance.
//!
//! [`Client`] is fed with what happens ([`Client::start`], [`opened`](Client::opened), [`frame`](Client::frame),
//! [`closed`](Client::closed), [`wake`](Client::wake)) and with what the application wants
//! ([`join`](Client::join), [`send`](Client::send) …). It answers with [`Action`]s, to be done in their order.
//! After each call [`Client::wake_at`] says when to call [`Client::wake`], if nothing else happens before.
//! `now` is a clock that never jumps back; [`Chance`] is one draw of 64 random bits.
//!
//! The rules, and how to write such a client in another language: `docs/client-guide.md`.

mod action;
mod connection;
mod handle;
mod incoming;
mod outbox;
mod refusal;
mod requests;
mod room_state;
mod room_view;
mod times;
mod wishes;

pub use action::{Action, End, Event, Take};
pub use outbox::{OUTBOX_MESSAGES_MAX, OutboxError};
pub use refusal::Refusal;
pub use requests::RequestId;
pub use room_state::Position;
pub use room_view::RoomView;
pub use times::{Chance, Times};
pub use wishes::{QUESTIONS_MAX, WishError};

use std::collections::BTreeMap;

use chat_domain::{RoomName, Timestamp, UserId};

use crate::events::{Connect, JoinRoom, LeaveRoom, SendMessage};
use crate::{ClientEvent, CloseCode, Limits, encode_request};
use connection::{Connection, Due};
use outbox::Outbox;
use requests::{Purpose, Requests};
use room_state::{RoomState, Wanted};

/// The close code of a connection that ended without one.
const CLOSED_WITHOUT_CODE: u16 = 1006;

/// The state machine of one signed-in person.
pub struct Client {
    times: Times,
    limits: Limits,
    /// What the first frame signs in with; without it the upgrade did.
    token: Option<String>,
    user: Option<UserId>,
    connection: Connection,
    requests: Requests,
    rooms: BTreeMap<RoomName, RoomState>,
    /// When to ask for the list of rooms, if memberships are to be looked at.
    list_at: Option<Timestamp>,
    /// How often the list of rooms was refused, one time after the other.
    lists_refused: u32,
    outbox: Outbox,
    actions: Vec<Action>,
}

impl std::fmt::Debug for Client {
    /// Without the token and the messages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("connection", &self.connection)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of a connection that its upgrade signs in, by `Authorization: Bearer TOKEN` or a cookie.
    #[must_use]
    pub fn signed_in_by_upgrade(times: Times) -> Self {
        Self {
            times,
            limits: Limits::default(),
            token: None,
            user: None,
            connection: Connection::new(times),
            requests: Requests::default(),
            rooms: BTreeMap::new(),
            list_at: None,
            lists_refused: 0,
            outbox: Outbox::default(),
            actions: Vec::new(),
        }
    }

    /// A client that signs in with its first frame, `connect`.
    #[must_use]
    pub fn signed_in_by_first_frame(times: Times, token: String) -> Self {
        Self { token: Some(token), ..Self::signed_in_by_upgrade(times) }
    }

    /// Begins: asks for the first connection.
    pub fn start(&mut self, now: Timestamp) -> Vec<Action> {
        if self.connection.is_idle() {
            self.connection.dial(now, 0);
            self.actions.push(Action::Open { after_ms: 0 });
        }
        self.take()
    }

    /// The connection is open.
    pub fn opened(&mut self, now: Timestamp) -> Vec<Action> {
        if let Some(token) = self.token.clone().filter(|_| self.connection.is_connecting()) {
            self.request(Purpose::SignIn, &ClientEvent::Connect(Connect { token }), now);
        }
        self.take()
    }

    /// The server answered the upgrade with an HTTP status instead: 401 and 403 end the client, others are waited out.
    pub fn upgrade_refused(
        &mut self,
        status: u16,
        retry_after_ms: Option<u64>,
        now: Timestamp,
        chance: Chance,
    ) -> Vec<Action> {
        if !self.connection.is_connecting() {
            return Vec::new();
        }
        if matches!(status, 401 | 403) {
            self.end(End::Upgrade { status });
        } else {
            if let Some(delay_ms) = retry_after_ms {
                self.connection.asked_to_wait(delay_ms);
            }
            self.lost(CLOSED_WITHOUT_CODE, now, chance);
        }
        self.take()
    }

    /// A text frame came.
    pub fn frame(&mut self, text: &str, now: Timestamp, chance: Chance) -> Vec<Action> {
        if self.connection.is_connecting() || self.connection.is_open() {
            self.connection.heard(now);
            self.handle(incoming::read(text), now, chance);
            self.flush(now);
        }
        self.take()
    }

    /// The connection ended, or could not be opened. Without a close code it is 1006.
    pub fn closed(&mut self, code: Option<u16>, now: Timestamp, chance: Chance) -> Vec<Action> {
        let code = code.unwrap_or(CLOSED_WITHOUT_CODE);
        if self.connection.is_connecting() || self.connection.is_open() {
            if !CloseCode::reconnects(code) {
                self.end(End::Closed { code });
            } else {
                self.lost(code, now, chance);
            }
        }
        self.take()
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Timestamp, chance: Chance) -> Vec<Action> {
        match self.connection.due(now) {
            Due::Nothing => {}
            Due::Ping => self.post(&ClientEvent::Ping {}),
            Due::Lost => {
                self.actions.push(Action::Close);
                self.lost(CLOSED_WITHOUT_CODE, now, chance);
            }
        }
        for (id, purpose) in self.requests.expired(now) {
            self.refused(id, purpose, Refusal::TIMEOUT, now, chance);
        }
        for room in self.rooms.values_mut() {
            room.check_echo(now);
        }
        self.flush(now);
        self.take()
    }

    /// When to call [`Self::wake`].
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let mut times: Vec<Timestamp> =
            self.connection.wake_at().into_iter().chain(self.requests.wake_at()).collect();
        if self.connection.is_open() {
            times.extend(self.list_at);
            times.extend(self.rooms.values().filter_map(RoomState::wake_at));
            times.extend(self.outbox.wake_at(|room| is_ready(self.rooms.get(room))));
        }
        times.into_iter().min()
    }

    /// The network or the person came back: what is known of the connection is stale, so the server is asked at once.
    pub fn doubt(&mut self, now: Timestamp) -> Vec<Action> {
        if self.connection.doubt(now) {
            self.post(&ClientEvent::Ping {});
        }
        self.take()
    }

    /// Ends the client; the outbox stays as it is.
    pub fn stop(&mut self) -> Vec<Action> {
        if !self.connection.is_ended() {
            self.end(End::Asked);
        }
        self.take()
    }

    /// What waits to be acknowledged, in the order in which it was written.
    pub fn outbox(&self) -> impl Iterator<Item = &SendMessage> {
        self.outbox.messages()
    }

    /// Up to where the client holds a room.
    #[must_use]
    pub fn position(&self, room: &RoomName) -> Option<&Position> {
        self.rooms.get(room)?.position()
    }

    /// Whether live events of a room arrive.
    #[must_use]
    pub fn is_live(&self, room: &RoomName) -> bool {
        self.rooms.get(room).is_some_and(RoomState::is_live)
    }

    /// Asks for all that is due: the list and the rooms first, then the messages of the rooms that are live.
    fn flush(&mut self, now: Timestamp) {
        if !self.connection.is_open() {
            return;
        }
        if self.list_at.is_some_and(|at| at <= now) {
            self.list_at = None;
            self.request(Purpose::Rooms, &ClientEvent::GetRooms {}, now);
        }
        let due: Vec<_> = self
            .rooms
            .iter_mut()
            .filter_map(|(name, room)| {
                let wanted = room.due(now)?;
                room.asked();
                Some((name.clone(), wanted, room.position().cloned()))
            })
            .collect();
        for (room, wanted, position) in due {
            let (purpose, event) = room_request(room, wanted, position);
            self.request(purpose, &event, now);
        }
        let rooms = &self.rooms;
        for message in self.outbox.due(now, |room| is_ready(rooms.get(room))) {
            self.request(Purpose::Send { key: message.key.clone() }, &ClientEvent::SendMessage(message), now);
        }
    }

    /// Sends a frame that wants an answer.
    fn request(&mut self, purpose: Purpose, event: &ClientEvent, now: Timestamp) -> RequestId {
        let id = self.requests.add(purpose, times::later(now, self.times.answer_limit_ms));
        // Events of this crate hold nothing that JSON can't; a frame that is not sent times out.
        if let Ok(frame) = encode_request(event, Some(&id.to_string())) {
            self.actions.push(Action::Send(frame));
        }
        id
    }

    /// Sends a frame that wants none.
    fn post(&mut self, event: &ClientEvent) {
        if let Ok(frame) = encode_request(event, None) {
            self.actions.push(Action::Send(frame));
        }
    }

    /// The connection is gone; another one follows.
    fn lost(&mut self, code: u16, now: Timestamp, chance: Chance) {
        let was_open = self.connection.is_open();
        let after_ms = self.connection.lost(now, chance);
        self.disconnected(now);
        if was_open {
            self.tell(Event::Disconnected { code });
        }
        self.actions.push(Action::Open { after_ms });
    }

    /// The connection is gone for good.
    fn end(&mut self, end: End) {
        self.connection.end();
        self.disconnected(Timestamp::default());
        self.actions.push(Action::Close);
        self.actions.push(Action::Stop(end));
    }

    fn disconnected(&mut self, now: Timestamp) {
        for (id, purpose) in self.requests.lost() {
            match purpose {
                Purpose::Send { key } => {
                    self.outbox.refused(&key, &Refusal::DISCONNECTED, now, &self.times);
                }
                Purpose::Ask => self.tell(Event::Refused { id, refusal: Refusal::DISCONNECTED }),
                _ => {}
            }
        }
        for room in self.rooms.values_mut() {
            room.disconnected();
        }
        self.lists_refused = 0;
        self.list_at = self.rooms.values().any(RoomState::is_unconfirmed).then_some(now);
    }

    fn tell(&mut self, event: Event) {
        self.actions.push(Action::Tell(event));
    }

    fn take(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }
}

/// A room takes messages once it is live; one that the client is not in lets the server say why not.
fn is_ready(room: Option<&RoomState>) -> bool {
    room.is_none_or(RoomState::is_live)
}

fn room_request(room: RoomName, wanted: Wanted, position: Option<Position>) -> (Purpose, ClientEvent) {
    match wanted {
        Wanted::Join => {
            let purpose = Purpose::Join { room: room.clone(), resumes: position.is_some() };
            let (epoch, after) = position.map(|position| (position.epoch, position.seq)).unzip();
            (purpose, ClientEvent::JoinRoom(JoinRoom { room, after, epoch }))
        }
        Wanted::Leave => (Purpose::Leave { room: room.clone() }, ClientEvent::LeaveRoom(LeaveRoom { room })),
    }
}
