//! The client's state machine, with a server that says anything: it keeps its bounds, its order and its calm.
//!
//! Each line begins with what happens: `<` a frame comes, `o` the connection is open, `c1006` it ends, `u503` its
//! upgrade is refused, `w4` 4 × 250 ms pass; `j`, `l` and `t` join, leave and type in the room that follows, `s` sends
//! the rest there; `h`, `m`, `g` ask; `d` doubts the connection, `n` renews the token, `x` stops.
#![no_main]

use std::collections::BTreeMap;

use chat_domain::{Body, MessageKey, RoomName, Seq, Timestamp};
use chat_protocol::ClientEvent;
use chat_protocol::client::{Action, Chance, Client, Event, OUTBOX_MESSAGES_MAX, Times};
use libfuzzer_sys::fuzz_target;

/// Lines that are looked at, at most.
const LINES_MAX: usize = 300;
/// Actions that one thing that happens may cause: one for each room, message and question, and some more.
const ACTIONS_MAX: usize = 200 + OUTBOX_MESSAGES_MAX + 64 + 16;
/// How often in a row the client may ask to be woken at once.
const WAKES_MAX: usize = 10;

fuzz_target!(|script: &str| {
    let mut world = World::new(script.len().is_multiple_of(2));
    for line in script.split('\n').take(LINES_MAX) {
        world.happen(line);
    }
});

struct World {
    client: Client,
    now: Timestamp,
    /// The last number that the application was told of each room, until it is told a page.
    told: BTreeMap<RoomName, Seq>,
    /// Keys that are on their way.
    unsettled: Vec<MessageKey>,
    keys: u32,
    has_stopped: bool,
}

impl World {
    fn new(by_first_frame: bool) -> Self {
        let times = Times::default();
        let client = if by_first_frame {
            Client::signed_in_by_first_frame(times, "TOKEN".to_owned())
        } else {
            Client::signed_in_by_upgrade(times)
        };
        let (now, told, unsettled) = (Timestamp::from_unix_ms(1_000_000), BTreeMap::new(), Vec::new());
        let mut world = Self { client, now, told, unsettled, keys: 0, has_stopped: false };
        let actions = world.client.start(now);
        world.act(actions);
        world
    }

    fn happen(&mut self, line: &str) {
        let mut chars = line.chars();
        let (Some(what), rest) = (chars.next(), chars.as_str()) else { return };
        let (now, chance) = (self.now, Chance::new(u64::from(self.keys) << 32));
        let room = || rest.split(' ').next().and_then(|name| RoomName::new(name).ok());
        let actions = match what {
            '<' => self.client.frame(rest, now, chance),
            'o' => self.client.opened(now),
            'c' => self.client.closed(rest.parse().ok(), now, chance),
            'u' => self.client.upgrade_refused(rest.parse().unwrap_or(503), Some(1_000), now, chance),
            'w' => return self.pass(rest.parse().unwrap_or(1)),
            'd' => self.client.doubt(now),
            'n' => self.client.renew_token(rest.to_owned(), now),
            'x' => self.client.stop(),
            'g' => self.client.get_rooms(now).map(|(_, actions)| actions).unwrap_or_default(),
            _ => match room() {
                Some(room) => self.wish(what, room, rest),
                None => return,
            },
        };
        self.act(actions);
        self.wake();
    }

    fn wish(&mut self, what: char, room: RoomName, rest: &str) -> Vec<Action> {
        let now = self.now;
        let before = Seq::new(i64::try_from(rest.len()).unwrap());
        match what {
            'j' => self.client.join(room, None, now).unwrap_or_default(),
            'l' => self.client.leave(&room, now),
            't' => self.client.typing(&room, now),
            'h' => self.client.get_history(room, before, now).map(|(_, actions)| actions).unwrap_or_default(),
            'm' => self.client.mark_read(room, before, now).map(|(_, actions)| actions).unwrap_or_default(),
            's' => self.send(room, rest),
            _ => Vec::new(),
        }
    }

    fn send(&mut self, room: RoomName, body: &str) -> Vec<Action> {
        let Ok(body) = Body::new(body) else { return Vec::new() };
        self.keys += 1;
        let key = MessageKey::new(format!("k{}", self.keys)).unwrap();
        let sent = self.client.send(room, body, key.clone(), self.now);
        self.unsettled.extend(sent.is_ok().then_some(key));
        sent.unwrap_or_default()
    }

    /// Lets time pass, and wakes the client whenever it asked for it.
    fn pass(&mut self, quarters: u32) {
        for _ in 0..quarters.min(200) {
            self.now = self.now.plus_ms(250);
            self.wake();
        }
    }

    fn wake(&mut self) {
        for _ in 0..WAKES_MAX {
            if self.client.wake_at().is_none_or(|at| at > self.now) {
                return;
            }
            let actions = self.client.wake(self.now, Chance::new(1 << 63));
            self.act(actions);
        }
        panic!("the client spins");
    }

    fn act(&mut self, actions: Vec<Action>) {
        assert!(actions.len() <= ACTIONS_MAX, "{} actions", actions.len());
        for action in actions {
            assert!(!self.has_stopped, "{action:?} after the end");
            match action {
                Action::Tell(event) => self.hear(event),
                Action::Send(frame) => {
                    assert!(serde_json::from_str::<ClientEvent>(&frame).is_ok(), "{frame}")
                }
                Action::Stop(_) => self.has_stopped = true,
                Action::Open { .. } | Action::Close => {}
            }
        }
        assert!(self.client.outbox().count() <= OUTBOX_MESSAGES_MAX);
        let unsettled: Vec<&MessageKey> = self.client.outbox().map(|message| &message.key).collect();
        assert_eq!(unsettled, self.unsettled.iter().collect::<Vec<_>>(), "every message is told once");
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Room { joined, .. } => {
                self.told.insert(joined.room, joined.last_seq);
            }
            Event::Message(message) => {
                let last = self.told.get_mut(&message.room).expect("a page before the first message");
                assert_eq!(message.seq, last.next(), "no hole and nothing twice");
                *last = message.seq;
            }
            Event::RoomLeft { room, .. } | Event::RoomRefused { room, .. } => drop(self.told.remove(&room)),
            Event::Sent { key, .. } | Event::SendFailed { key, .. } => {
                let at = self.unsettled.iter().position(|unsettled| *unsettled == key);
                self.unsettled.remove(at.expect("a message that was on its way"));
            }
            _ => {}
        }
    }
}
