//! A client on a desk: each test hands it frames and times, and looks at what it answers.

use chat_domain::{Body, MessageKey, RoomName, Timestamp};
use chat_protocol::client::{Action, Chance, Client, End, Event, Position, Times};
use serde_json::{Value, json};

/// The client, and all that it answered since the last look.
pub(crate) struct Desk {
    pub(crate) client: Client,
    now: Timestamp,
    pub(crate) opens: Vec<u64>,
    frames: Vec<Value>,
    pub(crate) events: Vec<Event>,
    pub(crate) closes: usize,
    pub(crate) end: Option<End>,
    /// The next draws of chance.
    pub(crate) chance: Chance,
}

pub(crate) fn general() -> RoomName {
    "general".parse().unwrap()
}

impl Desk {
    pub(crate) fn new(client: Client) -> Self {
        let mut desk = Self {
            client,
            now: Timestamp::from_unix_ms(0),
            opens: Vec::new(),
            frames: Vec::new(),
            events: Vec::new(),
            closes: 0,
            end: None,
            chance: Chance::new(u64::MAX),
        };
        let actions = desk.client.start(desk.now);
        desk.act(actions);
        desk
    }

    /// Signed in by the upgrade, in no room.
    pub(crate) fn connected() -> Self {
        let mut desk = Self::new(Client::signed_in_by_upgrade(Times::default()));
        desk.open();
        desk.opens.clear();
        desk
    }

    /// In the room general, up to number 7.
    pub(crate) fn in_general() -> Self {
        let mut desk = Self::connected();
        desk.join(None);
        let asked = desk.asked("join_room");
        desk.joined(&asked, 7, json!([message(7, "other", None)]), false);
        desk.events.clear();
        desk
    }

    pub(crate) fn open(&mut self) {
        let actions = self.client.opened(self.now);
        self.act(actions);
        self.welcome("e1");
    }

    pub(crate) fn welcome(&mut self, epoch: &str) {
        let limits = serde_json::to_value(chat_protocol::Limits::default()).unwrap();
        let user = json!({"id": "1", "username": "ann", "display_name": "Ann"});
        self.hear(
            json!({"type": "status", "status": "connected", "user": user, "epoch": epoch, "protocol": 1,
            "server": "x", "limits": limits}),
        );
    }

    /// A frame of the server.
    pub(crate) fn hear(&mut self, frame: Value) {
        let actions = self.client.frame(&frame.to_string(), self.now, self.chance);
        self.act(actions);
    }

    pub(crate) fn answer(&mut self, asked: &Value, mut frame: Value) {
        frame["re"] = asked["id"].clone();
        self.hear(frame);
    }

    pub(crate) fn refuse(&mut self, asked: &Value, code: &str, retry_after_ms: Option<u64>) {
        let mut frame = json!({"type": "error", "code": code, "message": "no"});
        if let Some(ms) = retry_after_ms {
            frame["retry_after_ms"] = json!(ms);
        }
        self.answer(asked, frame);
    }

    pub(crate) fn joined(&mut self, asked: &Value, last_seq: i64, messages: Value, reset: bool) {
        self.joined_in("e1", asked, last_seq, messages, reset);
    }

    pub(crate) fn joined_in(&mut self, epoch: &str, asked: &Value, last: i64, messages: Value, reset: bool) {
        self.answer(
            asked,
            json!({"type": "room_joined", "room": "general", "epoch": epoch, "last_seq": last, "members": 1,
            "online": 1, "participants": [], "messages": messages, "has_more": false, "reset": reset}),
        );
    }

    /// A live message.
    pub(crate) fn live(&mut self, seq: i64) {
        self.hear(json!({"type": "new_message", "room": "general", "seq": seq,
            "message": message(seq, "other", None)}));
    }

    /// The connection ends; the next one is dialled, welcomed, and the rooms are listed.
    pub(crate) fn come_back(&mut self, joined: bool) {
        self.close(Some(1006));
        self.open();
        let asked = self.asked("get_rooms");
        let room = json!({"name": "general", "description": "", "kind": "open", "joined": joined,
            "last_seq": 7, "read_seq": 7, "unread": 0, "members": 1, "online": 1});
        self.answer(&asked, json!({"type": "rooms_list", "rooms": [room]}));
    }

    pub(crate) fn close(&mut self, code: Option<u16>) {
        let actions = self.client.closed(code, self.now, self.chance);
        self.act(actions);
    }

    pub(crate) fn join(&mut self, position: Option<Position>) {
        let actions = self.client.join(general(), position, self.now).unwrap();
        self.act(actions);
    }

    pub(crate) fn leave(&mut self) {
        let actions = self.client.leave(&general(), self.now);
        self.act(actions);
    }

    pub(crate) fn send(&mut self, key: &str) {
        let (body, key) = (Body::new("hi").unwrap(), MessageKey::new(key).unwrap());
        let actions = self.client.send(general(), body, key, self.now).unwrap();
        self.act(actions);
    }

    pub(crate) fn typing(&mut self) {
        let actions = self.client.typing(&general(), self.now);
        self.act(actions);
    }

    pub(crate) fn typing_stopped(&mut self) {
        let actions = self.client.typing_stopped(&general());
        self.act(actions);
    }

    pub(crate) fn refuse_upgrade(&mut self, status: u16, retry_after_ms: Option<u64>) {
        let actions = self.client.upgrade_refused(status, retry_after_ms, self.now, self.chance);
        self.act(actions);
    }

    /// Time passes, and the client is woken once at the end of it.
    pub(crate) fn pass(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
        let actions = self.client.wake(self.now, self.chance);
        self.act(actions);
    }

    /// In how many milliseconds the client wants to be woken.
    pub(crate) fn wakes_in(&self) -> i64 {
        self.client.wake_at().unwrap().unix_ms() - self.now.unix_ms()
    }

    /// The one frame of a type that was sent since the last look; others are let go.
    #[track_caller]
    pub(crate) fn asked(&mut self, kind: &str) -> Value {
        let mut found = self.asked_all();
        found.retain(|frame| frame["type"] == kind);
        assert_eq!(found.len(), 1, "{kind}: {found:?}");
        found.remove(0)
    }

    /// The frames that were sent since the last look.
    pub(crate) fn asked_all(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.frames)
    }

    /// The types of the frames that were sent since the last look.
    pub(crate) fn asked_types(&mut self) -> Vec<String> {
        self.asked_all().iter().map(|frame| frame["type"].as_str().unwrap().to_owned()).collect()
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Open { after_ms } => self.opens.push(after_ms),
                Action::Send(frame) => self.frames.push(serde_json::from_str(&frame).unwrap()),
                Action::Close => self.closes += 1,
                Action::Tell(event) => self.events.push(event),
                Action::Stop(end) => self.end = Some(end),
            }
        }
    }
}

/// A message of user 2, or with a key of user 1.
pub(crate) fn message(seq: i64, body: &str, key: Option<&str>) -> Value {
    let id = if key.is_some() { "1" } else { "2" };
    json!({"id": seq.to_string(), "seq": seq, "changed_seq": seq, "body": body, "kind": "text", "created_at": 1,
        "user": {"id": id, "username": format!("user-{id}"), "display_name": "x"}, "edited_at": null, "key": key})
}
