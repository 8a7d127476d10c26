//! A client that keeps the contract: an outbox with keys, resume after a position, holes seen by counting.

mod acting;
mod hearing;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use chat_domain::{Body, MessageKey, RoomName, Seq, UserId};
use chat_protocol::events::{
    Ack, Connect, Error, GetHistory, JoinRoom, LeaveRoom, MarkRead, NewMessage, RoomJoined, SendMessage,
    Status, Typing,
};
use chat_protocol::{ClientEvent, ErrorCode, ServerEvent, ServerFrame, encode_request};
use tokio::sync::Notify;

use super::coverage::Happened;
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
/// Milliseconds that a sign-in may take.
const SIGN_IN_MS: u64 = 10_000;
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

/// A message as it was sent.
#[derive(Debug, Clone)]
struct Sending {
    key: MessageKey,
    body: String,
    at: u64,
    /// Whether it was stored already.
    was_stored: bool,
}

/// What a request asked.
#[derive(Debug, Clone)]
enum Asked {
    Connect,
    Send(Sending),
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
    pub(super) is_wanted: Cell<bool>,
    stalled_until: Cell<u64>,
    /// Whether the connection was ever too slow to be told everything.
    is_lossy: Cell<bool>,
    departure: Cell<Option<Departure>>,
    /// Whether the device loses what it held last as soon as it is offline.
    is_forgetful: Cell<bool>,
    poke: Notify,
    /// What came and is no whole frame yet.
    received: RefCell<Vec<u8>>,
    /// Keys that were answered with "unknown".
    doubted: RefCell<BTreeSet<MessageKey>>,
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
            is_wanted: Cell::new(true),
            stalled_until: Cell::new(0),
            is_lossy: Cell::new(false),
            departure: Cell::new(None),
            is_forgetful: Cell::new(false),
            poke: Notify::new(),
            received: RefCell::default(),
            doubted: RefCell::default(),
            sent_keys: RefCell::default(),
            marked: RefCell::default(),
        })
    }

    fn tell(&self, what: impl AsRef<str>) {
        self.world.trace.tell(&self.name, what);
    }

    fn count(&self, happened: Happened) {
        self.world.trace.count(happened);
    }

    pub(super) fn violated(&self, what: impl AsRef<str>) {
        self.world.trace.violated(&self.name, what);
    }

    fn now(&self) -> u64 {
        self.world.trace.now_ms()
    }

    // What a person does.

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
            Some(Departure::Vanish) => {
                self.count(Happened::Vanished);
                link.silence();
            }
            _ => link.client_finish(),
        }
        self.judge(end);
        *self.link.borrow_mut() = None;
        self.is_connected.set(false);
        self.asked.borrow_mut().clear();
        for unsent in self.outbox.borrow_mut().iter_mut() {
            unsent.is_under_way = false;
        }
        self.views.borrow_mut().values_mut().for_each(View::end);
        let is_signed_out = matches!(end, End::Closed(Some(4500..=4502)));
        if is_signed_out || end == End::NotSignedIn {
            *self.session.borrow_mut() = None;
        }
        if self.is_forgetful.take() {
            self.forget();
        }
    }

    /// What an end says of the node.
    fn judge(&self, end: End) {
        match end {
            End::Closed(Some(World::DEFECT)) => {
                self.violated("the node closed the connection because of a defect");
            }
            // A network that held the sign-in up for as long as one may take.
            End::Closed(Some(4503)) if self.now() >= self.began_at.get() + SIGN_IN_MS => {}
            End::Closed(Some(code @ (1002 | 1003 | 1007 | 1008 | 1009 | 4503))) => {
                self.violated(format!("a client that keeps the rules is closed with {code}"));
            }
            End::Closed(Some(4000)) => self.count(Happened::SlowReaderTold),
            End::Closed(Some(1012)) => self.count(Happened::ToldToComeBack),
            End::Closed(Some(4500 | 4502)) if self.views.borrow().values().any(|view| view.is_live) => {
                self.count(Happened::SessionEndedLive);
            }
            End::Lost if !self.received.borrow().is_empty() => self.count(Happened::CutInMidFrame),
            _ => {}
        }
    }

    async fn converse(&self, link: &Rc<Link>, session: &Ticketed) -> End {
        let connect = ClientEvent::Connect(Connect { token: session.token.clone() });
        link.client_send(&frames::text(&encode_request(&connect, Some("connect")).unwrap()));
        self.asked.borrow_mut().insert("connect".to_owned(), Asked::Connect);
        self.received.borrow_mut().clear();
        let (mut heard_at, mut is_pinged) = (self.now(), false);
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
                        self.received.borrow_mut().extend_from_slice(&came);
                    }
                },
                () = tokio::time::sleep(Duration::from_millis(RETRY_MS)) => {}
            }
            loop {
                let next = frames::next(&mut self.received.borrow_mut());
                match next {
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
            let is_due = !view.is_joining && view.not_before <= self.now();
            if view.is_wanted && is_due && (!view.is_live || view.must_resume) {
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
        let is_due = |view: &View| view.is_live && !view.is_wanted && view.not_before <= self.now();
        let unwanted = views.iter().filter(|(room, view)| is_due(view) && !is_leaving(room));
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
            let sending = self.sending(key, body);
            self.ask(ClientEvent::SendMessage(event), Asked::Send(sending));
        }
    }

    fn sending(&self, key: MessageKey, body: String) -> Sending {
        let was_stored = self.world.is_stored(self.user_id, &key);
        Sending { key, body, at: self.now(), was_stored }
    }
}
