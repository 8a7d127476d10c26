//! A client that keeps the contract: an outbox with keys, resume after a position, holes seen by counting.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use chat_domain::{Body, MessageKey, RoomName, Seq, UserId};
use chat_protocol::events::{
    Connect, Error, GetHistory, JoinRoom, LeaveRoom, MarkRead, NewMessage, RoomJoined, SendMessage, Status,
    Typing,
};
use chat_protocol::{ClientEvent, ErrorCode, ServerEvent, ServerFrame, encode_request};
use tokio::sync::Notify;

use super::frames::{self, Frame};
use super::network::Link;
use super::view::{Taken, View};
use super::world::{Ticketed, World};

/// Milliseconds between two attempts to connect, at most.
const BACKOFF_MS_MAX: usize = 1_500;
/// Milliseconds of silence after which a client pings, and then gives the connection up.
const SILENCE_MS: u64 = 25_000;
const ANSWER_MS: u64 = 10_000;
/// Milliseconds after which a refused or unanswered request is tried again.
const RETRY_MS: u64 = 400;
/// Milliseconds for which something that the node had under way may still come after a right ended.
const UNDER_WAY_MS: u64 = 600;
/// Milliseconds after which typing has ended, with what the network and the ticks take.
const TYPING_MS: u64 = 6_000 + 2_000;

/// Something to be sent, until it is acknowledged.
#[derive(Debug, Clone)]
struct Unsent {
    key: MessageKey,
    room: RoomName,
    body: String,
    is_under_way: bool,
    not_before: u64,
}

/// What a request asked.
#[derive(Debug, Clone)]
enum Asked {
    Send(MessageKey, String),
    /// The key of another message: it must be refused.
    Clash(RoomName, MessageKey),
    Join(RoomName, Option<(String, i64)>),
    Leave(RoomName),
    History,
    Mark(RoomName, i64),
    Other,
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Lost,
    Closed(Option<u16>),
    NotSignedIn,
    Left,
}

/// What a person does to a device's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    Close,
    Drop,
    Reset,
    Vanish,
}

/// One device of a person.
pub(super) struct Device {
    pub(super) name: String,
    pub(super) user_id: UserId,
    pub(super) world: Rc<World>,
    pub(super) session: RefCell<Option<Ticketed>>,
    pub(super) views: RefCell<BTreeMap<RoomName, View>>,
    outbox: RefCell<VecDeque<Unsent>>,
    asked: RefCell<BTreeMap<String, Asked>>,
    next_id: Cell<u64>,
    link: RefCell<Option<Rc<Link>>>,
    /// When the last connection was made.
    began_at: Cell<u64>,
    is_connected: Cell<bool>,
    /// How many sign-ins this device has seen answered.
    pub(super) sign_ins: Cell<u64>,
    pub(super) is_wanted: Cell<bool>,
    stalled_until: Cell<u64>,
    /// Whether the connection was ever too slow to be told everything.
    is_lossy: Cell<bool>,
    departure: Cell<Option<Departure>>,
    poke: Notify,
    sent_keys: RefCell<Vec<(RoomName, MessageKey, String)>>,
    marked: RefCell<BTreeMap<RoomName, i64>>,
}

impl Device {
    pub(super) fn new(name: String, user_id: UserId, world: Rc<World>) -> Rc<Self> {
        let views = world.rooms.iter().map(|(room, _)| (room.clone(), View::default())).collect();
        let session = world.sign_in(user_id);
        Rc::new(Self {
            name,
            user_id,
            world,
            session: RefCell::new(session),
            views: RefCell::new(views),
            outbox: RefCell::default(),
            asked: RefCell::default(),
            next_id: Cell::new(0),
            link: RefCell::default(),
            began_at: Cell::new(0),
            is_connected: Cell::new(false),
            sign_ins: Cell::new(0),
            is_wanted: Cell::new(true),
            stalled_until: Cell::new(0),
            is_lossy: Cell::new(false),
            departure: Cell::new(None),
            poke: Notify::new(),
            sent_keys: RefCell::default(),
            marked: RefCell::default(),
        })
    }

    fn tell(&self, what: impl AsRef<str>) {
        self.world.trace.tell(&self.name, what);
    }

    pub(super) fn violated(&self, what: impl AsRef<str>) {
        self.world.trace.violated(&self.name, what);
    }

    fn now(&self) -> u64 {
        self.world.trace.now_ms()
    }

    // What a person does.

    pub(super) fn want_room(&self, room: &RoomName) {
        if !std::mem::replace(&mut self.views.borrow_mut().get_mut(room).unwrap().is_wanted, true) {
            self.poke.notify_one();
        }
    }

    pub(super) fn leave_room(&self, room: &RoomName) {
        self.views.borrow_mut().get_mut(room).unwrap().is_wanted = false;
        self.ask(ClientEvent::LeaveRoom(LeaveRoom { room: room.clone() }), Asked::Leave(room.clone()));
    }

    pub(super) fn write(&self, room: &RoomName, body: String) {
        let number = self.sent_keys.borrow().len();
        let key = MessageKey::new(format!("{}-{number}", self.name)).unwrap();
        self.sent_keys.borrow_mut().push((room.clone(), key.clone(), body.clone()));
        let unsent = Unsent { key, room: room.clone(), body, is_under_way: false, not_before: 0 };
        self.outbox.borrow_mut().push_back(unsent);
        self.poke.notify_one();
    }

    /// Sends something again that may be acknowledged already, or something else with its key.
    pub(super) fn repeat(&self, is_changed: bool) {
        let Some((room, key, body)) = self.sent_keys.borrow().last().cloned() else { return };
        let sent = if is_changed { format!("{body}, changed") } else { body.clone() };
        // A key that is not stored yet would be taken by the other body.
        if is_changed && !self.world.is_stored(self.user_id, &key) {
            return;
        }
        let asked =
            if is_changed { Asked::Clash(room.clone(), key.clone()) } else { Asked::Send(key.clone(), body) };
        self.ask(ClientEvent::SendMessage(SendMessage { room, body: Body::new(sent).unwrap(), key }), asked);
    }

    pub(super) fn mark_read(&self, room: &RoomName) {
        let last = self.views.borrow()[room].last();
        if last > 0 {
            let event = MarkRead { room: room.clone(), seq: Seq::new(last) };
            self.ask(ClientEvent::MarkRead(event), Asked::Mark(room.clone(), last));
        }
    }

    pub(super) fn type_in(&self, room: &RoomName, is_typing: bool) {
        if self.views.borrow()[room].is_live {
            let typing = Typing { room: room.clone() };
            let event =
                if is_typing { ClientEvent::TypingStart(typing) } else { ClientEvent::TypingStop(typing) };
            self.ask(event, Asked::Other);
        }
    }

    pub(super) fn stall(&self, ms: u64) {
        self.stalled_until.set(self.now() + ms);
        self.is_lossy.set(true);
        self.poke.notify_one();
    }

    /// What is told to this connection may be late or lost.
    pub(super) fn hear_late(&self) {
        self.is_lossy.set(true);
    }

    pub(super) fn depart(&self, departure: Departure) {
        if self.link.borrow().is_some() {
            self.departure.set(Some(departure));
            self.poke.notify_one();
        }
    }

    /// Ends all that the scenario did to this device.
    pub(super) fn calm_down(&self) {
        self.stalled_until.set(0);
        self.is_wanted.set(true);
        self.poke.notify_one();
    }

    pub(super) fn poke(&self) {
        self.poke.notify_one();
    }

    /// Whether nothing is left to do: connected, everything sent, every wanted room live and up to date.
    pub(super) fn is_settled(&self) -> bool {
        self.is_connected.get()
            && self.link.borrow().as_ref().is_some_and(|link| link.is_up())
            && self.outbox.borrow().is_empty()
            && self
                .views
                .borrow()
                .values()
                .all(|view| !view.is_joining && !view.must_resume && view.is_live == view.is_wanted)
    }

    pub(super) fn unsettled(&self) -> String {
        let views: Vec<String> = self
            .views
            .borrow()
            .iter()
            .map(|(room, view)| {
                format!(
                    "{}: wanted {} live {} joining {} resume {} last {}",
                    room.as_str(),
                    view.is_wanted,
                    view.is_live,
                    view.is_joining,
                    view.must_resume,
                    view.last()
                )
            })
            .collect();
        format!("connected {}, outbox {:?}, {views:?}", self.is_connected.get(), self.outbox.borrow())
    }

    /// Pages back in every room that is not held whole; says whether any is left.
    pub(super) fn page_back(&self) -> bool {
        let mut before = Vec::new();
        for (room, view) in self.views.borrow().iter() {
            if view.is_wanted && view.has_older {
                before.push((room.clone(), view.held.keys().next().copied().unwrap_or(view.last() + 1)));
            }
        }
        let is_asking = self.asked.borrow().values().any(|asked| matches!(asked, Asked::History));
        for (room, before) in before.iter().filter(|_| !is_asking) {
            let event = GetHistory { room: room.clone(), before: Seq::new(*before), limit: 100 };
            self.ask(ClientEvent::GetHistory(event), Asked::History);
        }
        !before.is_empty()
    }

    pub(super) fn marked(&self) -> BTreeMap<RoomName, i64> {
        self.marked.borrow().clone()
    }

    // The connection.

    fn ask(&self, event: ClientEvent, asked: Asked) -> bool {
        let link = self.link.borrow();
        let Some(link) = link.as_ref().filter(|_| self.is_connected.get()) else { return false };
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let id = id.to_string();
        let frame = encode_request(&event, Some(&id)).unwrap();
        self.asked.borrow_mut().insert(id, asked);
        link.client_send(&frames::text(&frame));
        true
    }

    /// Lives until the run ends.
    pub(super) async fn run(self: Rc<Self>) {
        loop {
            if !self.is_wanted.get() {
                self.poke.notified().await;
                continue;
            }
            if self.session.borrow().is_none() {
                *self.session.borrow_mut() = self.world.sign_in(self.user_id);
            }
            let session = self.session.borrow().clone();
            if let Some(session) = session
                && let Some(link) = self.world.connect()
            {
                *self.link.borrow_mut() = Some(Rc::clone(&link));
                self.is_lossy.set(false);
                self.began_at.set(self.now());
                let end = self.converse(&link, &session).await;
                self.tell(format!("{end:?}"));
                self.end(&link, end);
            }
            tokio::time::sleep(self.world.chance.ms(BACKOFF_MS_MAX)).await;
        }
    }

    fn end(&self, link: &Rc<Link>, end: End) {
        match self.departure.take() {
            Some(Departure::Reset) => link.reset(),
            Some(Departure::Vanish) => link.silence(),
            _ => link.client_finish(),
        }
        *self.link.borrow_mut() = None;
        self.is_connected.set(false);
        self.asked.borrow_mut().clear();
        for unsent in self.outbox.borrow_mut().iter_mut() {
            unsent.is_under_way = false;
        }
        for view in self.views.borrow_mut().values_mut() {
            view.is_live = false;
            view.is_joining = false;
            view.typers.clear();
        }
        let is_signed_out = matches!(end, End::Closed(Some(4500..=4502)));
        if is_signed_out || end == End::NotSignedIn {
            *self.session.borrow_mut() = None;
        }
        if end == End::Closed(Some(World::DEFECT)) {
            self.violated("the node closed the connection because of a defect");
        }
        if let End::Closed(Some(code @ (1002 | 1003 | 1007 | 1008 | 1009 | 4503))) = end {
            self.violated(format!("a client that keeps the rules is closed with {code}"));
        }
    }

    async fn converse(&self, link: &Rc<Link>, session: &Ticketed) -> End {
        let connect = ClientEvent::Connect(Connect { token: session.token.clone() });
        link.client_send(&frames::text(&encode_request(&connect, Some("connect")).unwrap()));
        let (mut bytes, mut heard_at, mut is_pinged) = (Vec::new(), self.now(), false);
        loop {
            if let Some(departure) = self.departure.get() {
                if departure == Departure::Close {
                    link.client_send(&frames::close(1000));
                }
                return End::Left;
            }
            let silent = self.now() - heard_at;
            if silent > SILENCE_MS + ANSWER_MS {
                return End::Lost;
            }
            if silent > SILENCE_MS && !is_pinged {
                is_pinged = self.ask(ClientEvent::Ping {}, Asked::Other);
            }
            if self.is_connected.get() {
                self.join_rooms();
                self.send_unsent();
            }
            let stalled_ms = self.stalled_until.get().saturating_sub(self.now());
            let came = async {
                if stalled_ms > 0 {
                    tokio::time::sleep(Duration::from_millis(stalled_ms)).await;
                    return Ok(None);
                }
                link.client_read().await.map(Some)
            };
            tokio::select! {
                biased;
                () = self.poke.notified() => continue,
                came = came => match came {
                    Ok(Some(came)) if came.is_empty() => return End::Lost,
                    Err(_) => return End::Lost,
                    Ok(None) => {}
                    Ok(Some(came)) => {
                        (heard_at, is_pinged) = (self.now(), false);
                        bytes.extend(came);
                    }
                },
                () = tokio::time::sleep(Duration::from_millis(RETRY_MS)) => {}
            }
            loop {
                match frames::next(&mut bytes) {
                    Ok(None) => break,
                    Ok(Some(Frame::Text(text))) => {
                        if let Some(end) = self.take(&text, session) {
                            return end;
                        }
                    }
                    Ok(Some(Frame::Ping(payload))) => link.client_send(&frames::pong(&payload)),
                    Ok(Some(Frame::Close(code))) => {
                        link.client_send(&frames::close(code.unwrap_or(1000)));
                        return End::Closed(code);
                    }
                    Ok(Some(Frame::Other)) => {}
                    Err(error) => {
                        self.violated(format!("the stream is broken: {error}"));
                        return End::Lost;
                    }
                }
            }
        }
    }

    fn join_rooms(&self) {
        let mut joins = Vec::new();
        for (room, view) in self.views.borrow_mut().iter_mut() {
            if view.is_wanted && !view.is_joining && (!view.is_live || view.must_resume) {
                view.is_joining = true;
                joins.push((room.clone(), view.position.clone()));
            }
        }
        for room in self.rooms_to_leave() {
            self.ask(ClientEvent::LeaveRoom(LeaveRoom { room: room.clone() }), Asked::Leave(room));
        }
        for (room, position) in joins {
            let (epoch, after) = position.clone().unzip();
            let event = JoinRoom { room: room.clone(), after: after.map(Seq::new), epoch };
            self.ask(ClientEvent::JoinRoom(event), Asked::Join(room, position));
        }
    }

    /// Rooms that are still heard although nobody wants them: leaving them failed.
    fn rooms_to_leave(&self) -> Vec<RoomName> {
        let (asked, views) = (self.asked.borrow(), self.views.borrow());
        let is_leaving =
            |room: &RoomName| asked.values().any(|asked| matches!(asked, Asked::Leave(left) if left == room));
        let unwanted =
            views.iter().filter(|(room, view)| view.is_live && !view.is_wanted && !is_leaving(room));
        unwanted.map(|(room, _)| room.clone()).collect()
    }

    /// Sends what may be sent, in order within a room.
    fn send_unsent(&self) {
        let now = self.now();
        let mut sends = Vec::new();
        for unsent in self.outbox.borrow_mut().iter_mut() {
            let is_live = self.views.borrow()[&unsent.room].is_live;
            if !unsent.is_under_way && unsent.not_before <= now && is_live {
                unsent.is_under_way = true;
                sends.push(unsent.clone());
            }
        }
        for Unsent { key, room, body, .. } in sends {
            let event = SendMessage { room, body: Body::new(body.clone()).unwrap(), key: key.clone() };
            self.ask(ClientEvent::SendMessage(event), Asked::Send(key, body));
        }
    }

    /// Takes an event; the end of the conversation if it is that.
    fn take(&self, text: &str, session: &Ticketed) -> Option<End> {
        let frame: ServerFrame = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(error) => {
                self.violated(format!("{text} is no event: {error}"));
                return Some(End::Lost);
            }
        };
        let mut line = text.to_owned();
        line.truncate(300);
        self.tell(line);
        let asked = frame.re.and_then(|re| self.asked.borrow_mut().remove(&re));
        match frame.event {
            ServerEvent::Status(Status::Connected { .. }) => {
                self.check_session(session, self.began_at.get(), "a sign-in");
                self.is_connected.set(true);
                self.sign_ins.set(self.sign_ins.get() + 1);
            }
            ServerEvent::RoomJoined(joined) => self.take_joined(asked, &joined),
            ServerEvent::NewMessage(new) => self.take_new(&new, session),
            ServerEvent::Changed(changed) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&changed.room).unwrap();
                view.must_resume |= changed.seq.get() > view.last();
            }
            ServerEvent::RoomLeft(left) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&left.room).unwrap();
                // The person left on another device, perhaps.
                view.is_wanted = false;
                view.is_live = false;
                view.typers.clear();
            }
            ServerEvent::History(history) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&history.room).unwrap();
                if let Err(broken) = view.take_history(&history.messages, history.has_more) {
                    self.violated(broken);
                }
            }
            ServerEvent::Ack(ack) => match asked {
                Some(Asked::Send(key, body)) => {
                    self.world.acknowledged(&self.name, self.user_id, &key, &body, &ack);
                    self.outbox.borrow_mut().retain(|unsent| unsent.key != key);
                }
                Some(Asked::Clash(..)) => self.violated("a key was taken twice"),
                Some(Asked::Mark(room, seq)) => {
                    self.marked.borrow_mut().insert(room, seq);
                }
                _ => {}
            },
            ServerEvent::UserTyping(typing) => {
                let mut views = self.views.borrow_mut();
                let view = views.get_mut(&typing.room).unwrap();
                if !view.is_live {
                    self.violated("typing is told of a room that is not heard");
                }
                let who = typing.user.username.as_str().to_owned();
                if typing.is_typing {
                    view.typers.insert(who, self.now());
                } else {
                    view.typers.remove(&who);
                }
            }
            ServerEvent::Error(error) => return self.take_error(asked, &error),
            ServerEvent::Unknown => self.violated(format!("{text} is unknown")),
            _ => {}
        }
        None
    }

    fn take_joined(&self, asked: Option<Asked>, joined: &RoomJoined) {
        let Some(Asked::Join(room, position)) = asked else {
            return self.violated("a join is answered that was not asked for");
        };
        let mut views = self.views.borrow_mut();
        let view = views.get_mut(&room).unwrap();
        view.is_joining = false;
        if let Err(broken) = view.take_joined(position.as_ref(), joined) {
            self.violated(broken);
        }
    }

    fn take_new(&self, new: &NewMessage, session: &Ticketed) {
        let room_id = self.world.room_id(&new.room);
        if let Some(committed_at) = self.world.database.committed_at(room_id, new.seq) {
            self.check_session(session, committed_at, "a message");
            let gone_since = self.world.database.membership_gone_since(room_id, self.user_id);
            if gone_since.is_some_and(|since| committed_at > since)
                && !self.world.database.was_member(room_id, self.user_id, committed_at)
            {
                self.violated(format!("a message came to somebody who is no member since {gone_since:?}"));
            }
        } else {
            self.violated(format!("number {} was never committed", new.seq));
        }
        let taken = self.views.borrow_mut().get_mut(&new.room).unwrap().take_live(new);
        match taken {
            Ok(Taken::Hole) if self.world.heals_whole() => {
                self.violated(format!("a hole before {} of {:?} is not signalled", new.seq, new.room));
            }
            Ok(_) => {}
            Err(broken) => self.violated(broken),
        }
    }

    /// Nothing new may come on a session that has ended.
    fn check_session(&self, session: &Ticketed, happened_at: u64, what: &str) {
        let gone_since =
            self.world.database.session_gone_since(self.user_id, session.id, session.opened_behind);
        if let Some(since) = gone_since.filter(|since| happened_at > since + UNDER_WAY_MS) {
            self.violated(format!("{what} of {happened_at} came on a session that is gone since {since}"));
        }
    }

    fn take_error(&self, asked: Option<Asked>, error: &Error) -> Option<End> {
        if error.code == ErrorCode::Internal {
            self.violated("an internal error");
        }
        let not_before = self.now() + error.retry_after_ms.unwrap_or(RETRY_MS);
        match asked {
            None if error.code == ErrorCode::Unauthenticated => return Some(End::NotSignedIn),
            // The database was away when the device signed in.
            None => return Some(End::Lost),
            Some(Asked::Send(key, _)) => {
                if error.code == ErrorCode::NotAMember {
                    if self.world.is_stored(self.user_id, &key) {
                        self.violated(format!("{key:?} is stored, and refused to who left"));
                    }
                    self.outbox.borrow_mut().retain(|unsent| unsent.key != key);
                } else if error.code.may_retry() || error.code == ErrorCode::Forbidden {
                    // Who was shut out tries again when let in.
                    for unsent in self.outbox.borrow_mut().iter_mut().filter(|unsent| unsent.key == key) {
                        (unsent.is_under_way, unsent.not_before) = (false, not_before);
                    }
                } else {
                    self.violated(format!("a send is refused with {error:?}"));
                }
            }
            Some(Asked::Clash(room, key)) => {
                let is_right = error.code.may_retry()
                    || matches!(error.code, ErrorCode::KeyConflict | ErrorCode::Forbidden);
                if !is_right {
                    self.violated(format!("{key:?} in {room:?} with another body is refused with {error:?}"));
                }
            }
            Some(Asked::Join(room, _)) => {
                let mut views = self.views.borrow_mut();
                views.get_mut(&room).unwrap().is_joining = false;
            }
            Some(Asked::Leave(_) | Asked::History | Asked::Mark(..) | Asked::Other) => {}
        }
        None
    }

    /// Somebody who types has stopped long ago; only a reader that lost events may not know.
    pub(super) fn check_typing(&self) {
        let is_up = self.link.borrow().as_ref().is_some_and(|link| link.is_up());
        if self.is_lossy.get() || !is_up {
            return;
        }
        for (room, view) in self.views.borrow().iter() {
            for (who, since) in view.typers.iter().filter(|(_, since)| self.now() > *since + TYPING_MS) {
                self.violated(format!("{who} has typed in {room:?} since {since}"));
            }
        }
    }
}
