//! A client that keeps the contract over a real socket: `chat_protocol::client` says what to do, this does it.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chat_domain::{Body, MessageKey, RoomName, Timestamp};
use chat_protocol::ServerEvent;
use chat_protocol::client::{Action, Chance, Client, Event, Position, RequestId, RoomView, Take, Times};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The longest time between two looks at the clock.
const STEP: Duration = Duration::from_millis(500);
/// The longest time that a frame may take to leave.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// Messages of a room that are held: more than any test makes.
const HELD_MAX: usize = 100_000;

/// Times for a test: a client that finds out in a second what takes others half a minute.
pub(crate) const QUICK: Times = Times {
    connect_limit_ms: 2_000,
    silence_before_ping_ms: 700,
    pong_limit_ms: 700,
    answer_limit_ms: 1_500,
    backoff_base_ms: 20,
    backoff_max_ms: 200,
    stable_after_ms: 500,
    retry_base_ms: 100,
    retry_max_ms: 500,
    asked_delay_max_ms: 600_000,
    echo_limit_ms: 500,
};

/// A client, its connection, and what it holds.
pub(crate) struct Line {
    pub(crate) client: Client,
    pub(crate) views: BTreeMap<RoomName, RoomView>,
    /// What was acknowledged: key and ack.
    pub(crate) acks: Vec<(String, Value)>,
    /// The keys of what the application was told to be stored, in order.
    pub(crate) sent: Vec<String>,
    /// Connections that were opened, and resumes that came to a reset.
    pub(crate) opened: usize,
    pub(crate) resets: usize,
    address: SocketAddr,
    token: String,
    times: Times,
    socket: Option<WebSocketStream<TcpStream>>,
    dial_at: Option<Timestamp>,
    started: Instant,
    random: fastrand::Rng,
    /// The keys of the sends under way, by the ids of the requests.
    keys: HashMap<String, String>,
    page: Option<(RequestId, RoomName, chat_domain::Seq)>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("client", &self.client)
            .field("opened", &self.opened)
            .field("has_socket", &self.socket.is_some())
            .field("dial_at", &self.dial_at)
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

impl Line {
    /// Somebody who follows some rooms from their last page on.
    pub(crate) fn new(address: SocketAddr, token: &str, rooms: &[RoomName], times: Times, seed: u64) -> Self {
        let mut line = Self::to(address, token, times, seed);
        rooms.iter().for_each(|room| line.follow(room, None));
        line
    }

    /// Somebody who follows no room yet, and dials as soon as may be.
    pub(crate) fn to(address: SocketAddr, token: &str, times: Times, seed: u64) -> Self {
        let mut line = Self {
            client: Client::signed_in_by_upgrade(times),
            views: BTreeMap::new(),
            acks: Vec::new(),
            sent: Vec::new(),
            opened: 0,
            resets: 0,
            address,
            token: token.to_owned(),
            times,
            socket: None,
            dial_at: None,
            started: Instant::now(),
            random: fastrand::Rng::with_seed(seed),
            keys: HashMap::new(),
            page: None,
        };
        let now = line.now();
        // To dial is all that there is to do.
        assert_eq!(line.client.start(now), [Action::Open { after_ms: 0 }]);
        line.dial_at = Some(now);
        line
    }

    /// Follows a room from a position that was kept, or from its last page; before there is a connection.
    pub(crate) fn follow(&mut self, room: &RoomName, position: Option<Position>) {
        let now = self.now();
        assert_eq!(
            self.client.join(room.clone(), position, now),
            Ok(Vec::new()),
            "there is no connection yet"
        );
        self.views.insert(room.clone(), RoomView::new(room.clone(), HELD_MAX));
    }

    /// Says something; the key is the text.
    pub(crate) async fn say(&mut self, room: &RoomName, key: &str) {
        let (body, name, now) = (Body::new(key).unwrap(), MessageKey::new(key).unwrap(), self.now());
        let actions = self.client.send(room.clone(), body, name, now).unwrap();
        self.act(actions).await;
    }

    /// Whether nothing is left to do: it is live in its rooms, and all that it said is stored.
    pub(crate) fn is_settled(&self) -> bool {
        self.client.outbox().next().is_none() && self.views.keys().all(|room| self.client.is_live(room))
    }

    /// Up to where it holds a room.
    pub(crate) fn seq(&self, room: &RoomName) -> i64 {
        self.client.position(room).map_or(0, |position| position.seq.get())
    }

    /// Does what comes until a moment.
    pub(crate) async fn live_until(&mut self, end: Instant) {
        while Instant::now() < end {
            self.step(end).await;
        }
    }

    /// Does what comes until a condition holds.
    pub(crate) async fn live_until_it(&mut self, within: Duration, is_done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + within;
        while !is_done(self) {
            assert!(Instant::now() < end, "it does not settle: {:?}", self.client);
            self.step(end).await;
        }
    }

    /// Pages back until it holds all of its rooms.
    pub(crate) async fn fetch_all(&mut self, within: Duration) {
        let end = Instant::now() + within;
        let rooms: Vec<RoomName> = self.views.keys().cloned().collect();
        for room in rooms {
            while self.views[&room].has_more() {
                assert!(Instant::now() < end, "it does not end");
                if self.page.is_none() {
                    let (before, now) = (self.views[&room].lowest().unwrap(), self.now());
                    if let Ok((id, actions)) = self.client.get_history(room.clone(), before, now) {
                        self.page = Some((id, room.clone(), before));
                        self.act(actions).await;
                    }
                }
                self.step(end).await;
            }
        }
    }

    /// Waits for the next thing to do, but no longer than to `end`, and does it.
    async fn step(&mut self, end: Instant) {
        let now = self.now();
        if self.dial_at.is_some_and(|at| at <= now) {
            self.dial_at = None;
            self.dial().await;
        } else {
            let next = self.client.wake_at().into_iter().chain(self.dial_at).min();
            let wait =
                next.map_or(STEP, |next| Duration::from_millis(u64::try_from(next.ms_since(now)).unwrap()));
            let wait = wait.clamp(Duration::from_millis(1), STEP);
            let until = (Instant::now() + wait).min(end);
            self.read(until).await;
        }
        let actions = self.client.wake(self.now(), Chance::new(self.random.u64(..)));
        self.act(actions).await;
    }

    async fn read(&mut self, until: Instant) {
        let Some(socket) = &mut self.socket else { return tokio::time::sleep_until(until.into()).await };
        let Ok(read) = tokio::time::timeout_at(until.into(), socket.next()).await else { return };
        let (now, chance) = (self.now(), Chance::new(self.random.u64(..)));
        let actions = match read {
            Some(Ok(Message::Text(text))) => {
                self.note(&text);
                self.client.frame(&text, now, chance)
            }
            Some(Ok(Message::Close(frame))) => {
                self.client.closed(frame.map(|frame| u16::from(frame.code)), now, chance)
            }
            Some(Ok(_)) => Vec::new(),
            Some(Err(_)) | None => self.client.closed(None, now, chance),
        };
        self.act(actions).await;
    }

    /// Keeps the acks: the client itself may have learned from the room that the message is stored.
    fn note(&mut self, text: &str) {
        if text.contains(r#""type":"ack""#) {
            let ack: Value = serde_json::from_str(text).unwrap();
            if let Some(key) = ack["re"].as_str().and_then(|re| self.keys.remove(re)) {
                self.acks.push((key, ack));
            }
        }
    }

    async fn dial(&mut self) {
        let limit = Duration::from_millis(self.times.connect_limit_ms);
        let connected = tokio::time::timeout(limit, self.connect()).await;
        let (now, chance) = (self.now(), Chance::new(self.random.u64(..)));
        let actions = match connected {
            Ok(Ok(socket)) => {
                self.socket = Some(socket);
                self.opened += 1;
                self.client.opened(now)
            }
            Ok(Err(Error::Http(answer))) => {
                let after =
                    answer.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
                let after_ms = after.map(|seconds: u64| seconds * 1_000);
                self.client.upgrade_refused(answer.status().as_u16(), after_ms, now, chance)
            }
            Ok(Err(_)) | Err(_) => self.client.closed(None, now, chance),
        };
        self.act(actions).await;
    }

    async fn connect(&self) -> Result<WebSocketStream<TcpStream>, Error> {
        let mut request = format!("ws://{}/ws", self.address).into_client_request()?;
        let bearer = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(tokio_tungstenite::client_async(request, stream).await?.0)
    }

    async fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Open { after_ms } => {
                    let after_ms = i64::try_from(after_ms).unwrap();
                    (self.socket, self.dial_at) = (None, Some(self.now().plus_ms(after_ms)));
                }
                Action::Send(frame) => self.write(frame).await,
                Action::Close => self.socket = None,
                Action::Tell(event) => self.told(&event),
                Action::Stop(end) => panic!("the client ended: {end:?}"),
            }
        }
    }

    /// Writes a frame. What can't be written shows at the next read.
    async fn write(&mut self, frame: String) {
        if frame.contains(r#""type":"send_message""#) {
            let sent: Value = serde_json::from_str(&frame).unwrap();
            let text = |field: &str| sent[field].as_str().unwrap().to_owned();
            self.keys.insert(text("id"), text("key"));
        }
        if let Some(socket) = &mut self.socket {
            let _ = tokio::time::timeout(WRITE_LIMIT, socket.send(Message::text(frame))).await;
        }
    }

    fn told(&mut self, event: &Event) {
        for view in self.views.values_mut() {
            view.apply(event);
        }
        match event {
            Event::Room { joined, take: Take::Afresh } => self.resets += usize::from(joined.reset),
            Event::Sent { key, .. } => self.sent.push(key.as_str().to_owned()),
            Event::SendFailed { key, refusal, .. } => panic!("{key:?}: {refusal}"),
            Event::RoomRefused { room, refusal } => panic!("{room:?}: {refusal}"),
            Event::Answer { event: ServerEvent::History(page), .. } => {
                if let Some((_, room, before)) = self.page.take() {
                    self.views.get_mut(&room).unwrap().prepend(page, before);
                }
            }
            Event::Refused { .. } => self.page = None,
            _ => {}
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(i64::try_from(self.started.elapsed().as_millis()).unwrap())
    }
}
