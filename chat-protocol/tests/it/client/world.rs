//! A client, a model server, a network that cuts between them, and an application that keeps a ledger.

use std::collections::{BTreeMap, VecDeque};

use chat_domain::{Body, MessageKey, RoomName, Seq, Timestamp};
use chat_protocol::client::{Action, Chance, Client, Event, RequestId, RoomView, Times};
use chat_protocol::events::Status;
use chat_protocol::{ServerEvent, decode, encode_answer};

use super::model::{Fault, Server, Telling};

/// The rooms of the model.
pub(crate) const ROOMS: [&str; 2] = ["general", "yoga"];
/// What the application holds of a room, at most; more than any run makes.
const HELD_MAX: usize = 10_000;
/// Times that the client is woken within one passing of time, at most: more is a loop.
const WAKES_MAX: usize = 5_000;
/// Rounds of half a second without anything to do after which all is settled: longer than the server lets wait, and than an answer
/// is waited for.
const QUIET_ROUNDS: u32 = 24;

/// How the connection stands outside of the client.
#[derive(Debug)]
enum Link {
    Down,
    DialAt(Timestamp),
    Up,
    /// The peer is gone, and nobody said so.
    Dead,
}

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) now: Timestamp,
    link: Link,
    up: VecDeque<String>,
    by_first_frame: bool,
    chance: u64,
    views: BTreeMap<RoomName, RoomView>,
    /// Up to where the application was told of each room.
    told: BTreeMap<RoomName, i64>,
    /// What the application sent and was not refused, by room, in order.
    ledger: BTreeMap<RoomName, Vec<String>>,
    sent: Vec<MessageKey>,
    pages: BTreeMap<RequestId, Seq>,
    keys: u32,
}

pub(crate) fn room(which: usize) -> RoomName {
    ROOMS[which % ROOMS.len()].parse().unwrap()
}

impl World {
    pub(crate) fn new(by_first_frame: bool) -> Self {
        let client = if by_first_frame {
            Client::signed_in_by_first_frame(Times::default(), "TOKEN".to_owned())
        } else {
            Client::signed_in_by_upgrade(Times::default())
        };
        let mut world = Self {
            server: Server::new(&ROOMS),
            client,
            now: Timestamp::from_unix_ms(1_000_000),
            link: Link::Down,
            up: VecDeque::new(),
            by_first_frame,
            chance: 0x9E37_79B9_7F4A_7C15,
            views: BTreeMap::new(),
            told: BTreeMap::new(),
            ledger: BTreeMap::new(),
            sent: Vec::new(),
            pages: BTreeMap::new(),
            keys: 0,
        };
        for which in 0..ROOMS.len() {
            world.views.insert(room(which), RoomView::new(room(which), HELD_MAX));
            world.join(which);
        }
        let actions = world.client.start(world.now);
        world.act(actions);
        world
    }

    pub(crate) fn join(&mut self, which: usize) {
        let actions = self.client.join(room(which), None, self.now).unwrap();
        self.act(actions);
    }

    pub(crate) fn leave(&mut self, which: usize) {
        let actions = self.client.leave(&room(which), self.now);
        self.act(actions);
    }

    /// The person leaves on another device.
    pub(crate) fn leave_elsewhere(&mut self, which: usize) {
        self.server.leave(&room(which));
        if !matches!(self.link, Link::Up) {
            self.server.down.clear();
        }
    }

    pub(crate) fn send(&mut self, which: usize) {
        let key = format!("key-{}", self.keys);
        self.keys += 1;
        let body = Body::new(format!("body of {key}")).unwrap();
        let wish = self.client.send(room(which), body, MessageKey::new(&*key).unwrap(), self.now);
        if let Ok(actions) = wish {
            self.ledger.entry(room(which)).or_default().push(key);
            self.act(actions);
        }
    }

    /// The application pages back.
    pub(crate) fn page(&mut self, which: usize) {
        let Some(before) = self.views[&room(which)].lowest() else { return };
        if let Ok((id, actions)) = self.client.get_history(room(which), before, self.now) {
            self.pages.insert(id, before);
            self.act(actions);
        }
    }

    /// The next frame reaches the server. Whether there was one.
    pub(crate) fn up(&mut self, fault: Fault, telling: Telling) -> bool {
        let Some(frame) = self.up.pop_front() else { return false };
        let request = decode(&frame).unwrap_or_else(|bad| panic!("{frame}: {bad:?}"));
        self.server.request(request.id, request.event, fault, telling);
        true
    }

    /// The next frame reaches the client. Whether there was one.
    pub(crate) fn down(&mut self) -> bool {
        if self.server.down.is_empty() || !matches!(self.link, Link::Up) {
            return false;
        }
        let (re, event) = self.server.down.remove(0);
        let mut frame = Vec::new();
        encode_answer(&event, re.as_deref(), &mut frame).unwrap();
        let (now, chance) = (self.now, self.draw());
        let actions = self.client.frame(&String::from_utf8(frame).unwrap(), now, chance);
        self.act(actions);
        true
    }

    /// The connection is cut; frames under way are lost.
    pub(crate) fn cut(&mut self, code: Option<u16>) {
        if matches!(self.link, Link::Up) {
            self.hang_up();
            let (now, chance) = (self.now, self.draw());
            let actions = self.client.closed(code, now, chance);
            self.act(actions);
        }
    }

    /// The peer vanishes without a word: frames go nowhere, and none come.
    pub(crate) fn vanish(&mut self) {
        if matches!(self.link, Link::Up) {
            self.hang_up();
            self.link = Link::Dead;
        }
    }

    /// The server says when to come back, and goes.
    pub(crate) fn restart(&mut self) {
        let closing = Status::Closing { reconnect_after_ms: 1_500 };
        self.server.down.push((None, ServerEvent::Status(closing)));
        while self.down() {}
        self.cut(Some(1012));
    }

    /// Time passes; the client is woken when it wants to be.
    pub(crate) fn pass(&mut self, ms: i64) {
        let end = self.now.plus_ms(ms);
        for _ in 0..WAKES_MAX {
            let dial_at = if let Link::DialAt(at) = self.link { Some(at) } else { None };
            let next = self.client.wake_at().into_iter().chain(dial_at).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if dial_at.is_some_and(|at| at <= self.now) {
                self.connect();
            } else {
                let (now, chance) = (self.now, self.draw());
                let actions = self.client.wake(now, chance);
                self.act(actions);
            }
        }
        panic!("the client wants to be woken for ever: {:?}", self.client);
    }

    /// Without faults, until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        let mut quiet_rounds = 0;
        for _ in 0..2_000 {
            // The list of rooms may say that the person left elsewhere.
            for which in 0..ROOMS.len() {
                self.join(which);
            }
            while self.up(Fault::None, Telling::Whole) || self.down() {}
            let is_live = (0..ROOMS.len()).all(|which| self.client.is_live(&room(which)));
            let is_up = matches!(self.link, Link::Up);
            let is_quiet = is_up && is_live && self.client.outbox().next().is_none() && self.up.is_empty();
            // A hole whose filling was refused or not answered waits for its time, and nothing else shows it.
            quiet_rounds = if is_quiet { quiet_rounds + 1 } else { 0 };
            if quiet_rounds == QUIET_ROUNDS {
                return;
            }
            self.pass(500);
        }
        panic!("it does not settle: {:?}", self.client);
    }

    /// What must hold in the end.
    pub(crate) fn check(&mut self) {
        for which in 0..ROOMS.len() {
            while self.views[&room(which)].has_more() {
                self.page(which);
                self.settle();
            }
            let stored = &self.server.rooms[&room(which)];
            let held: Vec<_> = self.views[&room(which)].messages().cloned().collect();
            assert_eq!(held, stored.messages, "what is held equals what is fetched afresh");
            assert_eq!(self.client.position(&room(which)).unwrap().seq.get(), stored.last_seq);
            let own: Vec<&str> = stored
                .messages
                .iter()
                .filter(|message| message.user.as_ref().is_some_and(|user| user.id.get() == 1))
                .map(|message| message.key.as_ref().unwrap().as_str())
                .collect();
            let wanted = self.ledger.remove(&room(which)).unwrap_or_default();
            assert_eq!(own, wanted, "every message is there once, in the order in which it was written");
            for key in wanted {
                let times = self.sent.iter().filter(|sent| sent.as_str() == key).count();
                assert_eq!(times, 1, "{key} was told as sent");
            }
        }
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Open { after_ms } => {
                    assert!(matches!(self.link, Link::Down), "one connection at a time");
                    self.link = Link::DialAt(self.now.plus_ms(i64::try_from(after_ms).unwrap()));
                }
                Action::Send(frame) => match self.link {
                    Link::Up => self.up.push_back(frame),
                    Link::Dead => {}
                    _ => panic!("nothing is sent without a connection: {frame}"),
                },
                Action::Close => self.hang_up(),
                Action::Tell(event) => self.told(event),
                Action::Stop(end) => panic!("the client ended: {end:?}"),
            }
        }
    }

    fn told(&mut self, event: Event) {
        for view in self.views.values_mut() {
            view.apply(&event);
        }
        match event {
            Event::Room { joined, .. } => {
                self.told.insert(joined.room, joined.last_seq.get());
            }
            Event::Message(message) => {
                let told = self.told.get_mut(&message.room).unwrap();
                assert_eq!(message.seq.get(), *told + 1, "one after the other");
                *told += 1;
            }
            Event::Sent { key, .. } => self.sent.push(key),
            Event::SendFailed { room, key, refusal } => {
                assert_eq!(refusal.code, "not_a_member", "{refusal}");
                self.ledger.get_mut(&room).unwrap().retain(|kept| kept != key.as_str());
            }
            Event::Answer { id, event: ServerEvent::History(page) } => {
                let before = self.pages.remove(&id).unwrap();
                self.views.get_mut(&page.room).unwrap().prepend(&page, before);
            }
            Event::RoomRefused { room, refusal } => panic!("{room}: {refusal}"),
            _ => {}
        }
    }

    fn connect(&mut self) {
        self.link = Link::Up;
        self.server.disconnected();
        let actions = self.client.opened(self.now);
        self.act(actions);
        if !self.by_first_frame {
            self.server.connected(None);
        }
    }

    fn hang_up(&mut self) {
        self.link = Link::Down;
        self.server.disconnected();
        self.up.clear();
    }

    fn draw(&mut self) -> Chance {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Chance::new(self.chance)
    }
}
