//! The world of a simulation: a database, a node that comes and goes, the links to it, and what was promised to whom.

mod checks;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chat_domain::repository::RoomCounters;
use chat_domain::{
    ControlSeq, DisplayName, MessageKey, MessageKind, NewMessage, NewRoom, NewUser, OpenSession,
    RoomDescription, RoomId, RoomName, Seq, SessionId, Timestamp, UserId, Username, open_session,
};
use chat_protocol::CloseCode;
use chat_protocol::events::Ack;
use chat_store::password::{PasswordHasher, PasswordParams};
use chat_store::secret_key::SecretKey;
use chat_store::tokens::Tokens;
use clap::Parser;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, LocalSet};

use super::chance::Chance;
use super::coverage::Happened;
use super::database::{Database, Inline, Snapshot};
use super::network::{Link, Manners, ServerReader, ServerWriter, WHOLE};
use super::store::Access;
use super::trace::Trace;
use crate::clock::Clock;
use crate::config::{Config, Settings};
use crate::connection::{Admission, serve};
use crate::control::{run_control_log, run_ephemeral, run_upkeep};
use crate::node::MANY;
use crate::node::{Node, SocketPlace};
use crate::passwords::Passwords;
use crate::server::{Foundation, drain_connections, new_node, prepare};
use crate::shard::outbox::{OUTBOX_BYTES_MAX, READ_BYTES_MAX};
use crate::shard::state::{HELD_BYTES_MAX, IN_FLIGHT_MAX, Lifecycle};
use crate::shard::{Shard, dispatcher, timers};
use crate::store_access::{StoreAccess, Ticket};

const SECRET: &str = "of a simulation";
/// Connections that may wait to be served.
const INCOMING_MAX: usize = 64;
/// Bytes of answers that one connection's queue may hold beside its live events: what may wait before reading stops, a
/// join's answer with its held events, and the acks of the sends that are under way.
const ANSWER_BYTES_MAX: usize = READ_BYTES_MAX + 3 * 128 * 1024;
/// A network on which nothing is wrong.
const GOOD: Manners = Manners { latency_ms: 10, chunk: WHOLE, buffer: 16 * 1024, cut_after: None };
/// When a simulation begins, in Unix milliseconds.
const BEGINNING_MS: i64 = 1_700_000_000_000;

/// Virtual time, with a wall clock that jumps.
struct SimulatedClock {
    began: tokio::time::Instant,
    base: Timestamp,
    jump_ms: Arc<AtomicI64>,
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.base.plus_ms(i64::try_from(self.began.elapsed().as_millis()).unwrap())
    }

    fn wall(&self) -> Timestamp {
        self.now().plus_ms(self.jump_ms.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A session as its device knows it.
#[derive(Debug, Clone)]
pub(super) struct Ticketed {
    pub(super) id: SessionId,
    pub(super) token: String,
    /// The end of the control log when it was opened.
    pub(super) opened_behind: ControlSeq,
}

struct Running {
    node: Arc<Node>,
    shard: Rc<Shard<ServerWriter>>,
    access: Access,
    incoming: mpsc::Sender<(ServerReader, ServerWriter)>,
    task: JoinHandle<()>,
    seen: RefCell<Seen>,
}

/// The connections of a node of which something was seen that counts once.
#[derive(Default)]
struct Seen {
    half_full: BTreeSet<u64>,
    lossy: BTreeSet<u64>,
}

/// Everything of one run.
pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) trace: Trace,
    pub(super) database: Arc<Database>,
    pub(super) rooms: Vec<(RoomName, RoomId)>,
    pub(super) people: Vec<(Username, UserId)>,
    running: RefCell<Option<Running>>,
    links: RefCell<Vec<Rc<Link>>>,
    /// How new links behave.
    pub(super) manners: Cell<Manners>,
    pub(super) is_partitioned: Cell<bool>,
    /// What was acknowledged: the first ack of each key.
    acks: RefCell<BTreeMap<(UserId, MessageKey), Ack>>,
    jump_ms: Arc<AtomicI64>,
    began: tokio::time::Instant,
    tokens: Tokens,
    next_token: Cell<u64>,
    /// Behind which entry of the control log each session was opened.
    opened_behind: RefCell<BTreeMap<SessionId, ControlSeq>>,
    /// Whether some commits take too long.
    pub(super) is_slow: Cell<bool>,
    /// Whether people may do only so much.
    pub(super) has_limits: Cell<bool>,
    /// When each person last said that they type in a room: who says it again goes on typing, and nobody is told.
    pub(super) typed_at: RefCell<BTreeMap<(RoomName, String), u64>>,
}

impl World {
    pub(super) fn new(chance: Chance, trace: Trace, people: usize, rooms: usize) -> Rc<Self> {
        let database = Arc::new(Database::new(chance.fork(), trace.clone()));
        let created_at = Timestamp::from_unix_ms(BEGINNING_MS);
        let (people, rooms) = database
            .administer::<_, chat_domain::RepositoryError>(|repository| {
                let mut added = (Vec::new(), Vec::new());
                for n in 0..people {
                    let username = Username::new(format!("user{n}")).unwrap();
                    let display_name = DisplayName::from(&username);
                    let new =
                        NewUser { username: username.clone(), display_name, password_hash: None, created_at };
                    added.0.push((username, repository.add_user(&new)?.id()));
                }
                for n in 0..rooms {
                    let name = RoomName::new(format!("room{n}")).unwrap();
                    let description = RoomDescription::new("").unwrap();
                    let announces_members = n % 2 == 0;
                    let new = NewRoom { name: name.clone(), description, created_at, announces_members };
                    added.1.push((name, repository.add_room(&new)?.id));
                }
                Ok(added)
            })
            .unwrap();
        Rc::new(Self {
            trace,
            database,
            rooms,
            people,
            running: RefCell::default(),
            links: RefCell::default(),
            manners: Cell::new(GOOD),
            is_partitioned: Cell::new(false),
            acks: RefCell::default(),
            jump_ms: Arc::default(),
            began: tokio::time::Instant::now(),
            tokens: Tokens::new(SecretKey::new(SECRET).unwrap()),
            next_token: Cell::new(0),
            opened_behind: RefCell::default(),
            is_slow: Cell::new(chance.one_in(3)),
            has_limits: Cell::new(chance.one_in(3)),
            typed_at: RefCell::default(),
            chance,
        })
    }

    /// Fills a room with so many old messages.
    pub(super) fn fill(&self, room_id: RoomId, messages: usize) {
        let old = |n: i64| NewMessage {
            room_id,
            seq: Seq::new(n),
            user_id: None,
            body: format!("old {n}"),
            kind: MessageKind::System,
            created_at: Timestamp::from_unix_ms(BEGINNING_MS),
            key: None,
        };
        let last = i64::try_from(messages).unwrap();
        let messages: Vec<NewMessage> = (1..=last).map(old).collect();
        let counters = RoomCounters { id: room_id, last_seq: Seq::new(last), members: 0 };
        let filled = self.database.administer(|repository| {
            repository.insert_messages(&messages)?;
            repository.set_room_counters(&[counters])
        });
        filled.unwrap();
    }

    pub(super) fn room_id(&self, name: &RoomName) -> RoomId {
        self.rooms.iter().find(|(held, _)| held == name).unwrap().1
    }

    /// Starts a node, unless one runs.
    pub(super) fn start_node(self: &Rc<Self>) {
        if self.running.borrow().is_some() {
            return;
        }
        self.trace.tell("node", "starts");
        self.database.node_starts();
        let clock = Arc::new(SimulatedClock {
            began: self.began,
            base: Timestamp::from_unix_ms(BEGINNING_MS),
            jump_ms: Arc::clone(&self.jump_ms),
        });
        let settings =
            Settings::parse_from(["chat-server", "--secret-key", SECRET, "--data-dir", "/nonexistent"]);
        let mut config = Config::from_settings(&settings).unwrap();
        if !self.has_limits.get() {
            config.limits.messages_per_second = None;
            config.limits.joins_per_second = None;
            config.limits.history_per_second = None;
            config.limits.marks_per_second = None;
            config.limits.typing_per_second = None;
        }
        let Ok(beginning) = prepare(&Inline(Arc::clone(&self.database)), clock.wall()) else {
            return self.trace.tell("node", "can't start: the database is away");
        };
        let (address, epoch) = (config.bind, beginning.epoch);
        let passwords = Passwords::new(PasswordHasher::new(PasswordParams::default()), 1);
        let foundation = Foundation { address, clock, epoch, warnings: Vec::new(), passwords, shards: 1 };
        let mut node = new_node(&config, foundation).unwrap();
        node.chance = Box::new(self.chance.fork());
        // Large and small rooms are written to in different ways.
        node.many = *self.chance.pick(&[1, 2, 3, MANY]);
        node.directory.replace(beginning.rooms);
        let access = Access::new(Arc::clone(&self.database), self.chance.fork(), self.is_slow.get());
        assert!(node.store.set(Box::new(access.clone())).is_ok());
        let node = Arc::new(node);
        let shard = Shard::new(0, Arc::clone(&node));
        let (sender, mut incoming) = mpsc::channel(INCOMING_MAX);
        // All of the node runs in a set of its own, so that it can end at any await, as a killed process does.
        let set = LocalSet::new();
        let (theirs, their_node, writer) = (Rc::clone(&shard), Arc::clone(&node), access.clone());
        let task = tokio::task::spawn_local(async move {
            let run = async {
                tokio::task::spawn_local(dispatcher::run(Rc::clone(&theirs)));
                tokio::task::spawn_local(timers::run(Rc::clone(&theirs)));
                tokio::task::spawn_local(run_control_log(Arc::clone(&their_node), beginning.control_seq));
                tokio::task::spawn_local(run_ephemeral(Arc::clone(&their_node)));
                tokio::task::spawn_local(run_upkeep(Arc::clone(&their_node)));
                tokio::task::spawn_local(writer.write_batches(their_node));
                while let Some(halves) = incoming.recv().await {
                    let shard = Rc::clone(&theirs);
                    // As the upgrade does: the node waits for it when it goes away.
                    let place = SocketPlace::take(&shard.node).unwrap();
                    tokio::task::spawn_local(async move {
                        serve(shard, halves, Vec::new(), Admission::FirstFrame).await;
                        drop(place);
                    });
                }
            };
            set.run_until(run).await;
        });
        let seen = RefCell::default();
        *self.running.borrow_mut() = Some(Running { node, shard, access, incoming: sender, task, seen });
    }

    /// Kills the node. The peers see a reset, or nothing at all.
    pub(super) async fn kill_node(&self, is_seen: bool) {
        let Some(running) = self.running.borrow_mut().take() else { return };
        self.trace.tell("node", format!("is killed, seen {is_seen}"));
        let slow = running.node.metrics.closed_with(CloseCode::SlowReader);
        self.trace.count_times(Happened::SlowReaderClosed, slow);
        for link in self.links.borrow_mut().drain(..) {
            if is_seen { link.reset() } else { link.silence() }
        }
        running.task.abort();
        let _ = running.task.await;
    }

    /// Stops the node as SIGTERM does.
    pub(super) async fn stop_node(&self) {
        let Some((node, access)) =
            self.running.borrow().as_ref().map(|running| (Arc::clone(&running.node), running.access.clone()))
        else {
            return;
        };
        self.trace.tell("node", "drains");
        if node.sockets.load(Ordering::Relaxed) > 0 {
            self.trace.count(Happened::Drained);
        }
        node.is_draining.store(true, Ordering::Relaxed);
        drain_connections(&node).await;
        for command in node.presence.farewell() {
            let _ = access.submit(command, Ticket::Nobody);
        }
        for _ in 0..60 {
            if access.queued() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.kill_node(true).await;
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.borrow().is_some()
    }

    /// Puts an older state of the database back, with the node stopped.
    pub(super) fn restore(&self, snapshot: &Snapshot) {
        assert!(!self.is_running());
        self.links.borrow_mut().drain(..).for_each(|link| link.reset());
        self.database.restore(snapshot);
        self.trace.count(Happened::Restored);
        self.trace.tell("database", "is restored");
        // What was acknowledged after the backup is lost, and known to be.
        self.acks.borrow_mut().retain(|(user_id, key), _| self.stored(*user_id, key).is_some());
    }

    /// Opens a connection; `None` if nobody answers.
    pub(super) fn connect(&self) -> Option<Rc<Link>> {
        if self.is_partitioned.get() {
            return None;
        }
        let running = self.running.borrow();
        let running = running.as_ref()?;
        let link = Link::new(self.manners.get(), self.chance.fork());
        let halves = (ServerReader(Rc::clone(&link)), ServerWriter(Rc::clone(&link)));
        running.incoming.try_send(halves).ok()?;
        self.links.borrow_mut().retain(|link| link.is_up());
        self.links.borrow_mut().push(Rc::clone(&link));
        Some(link)
    }

    /// Cuts everybody off, or lets them through again.
    pub(super) fn partition(&self, is_partitioned: bool) {
        self.is_partitioned.set(is_partitioned);
        self.links.borrow().iter().for_each(|link| link.pause(is_partitioned));
    }

    /// Makes the whole network a good one.
    pub(super) fn calm_network(&self) {
        self.partition(false);
        self.manners.set(GOOD);
        self.links.borrow().iter().for_each(|link| link.set_manners(GOOD));
    }

    /// Something happens to one link.
    pub(super) fn harm_a_link(&self) {
        let links = self.links.borrow();
        if links.is_empty() {
            return;
        }
        let link = self.chance.pick(&links);
        match self.chance.below(2) {
            0 => link.reset(),
            _ => {
                self.trace.count(Happened::Vanished);
                link.silence();
            }
        }
    }

    pub(super) fn jump_wall_clock(&self, ms: i64) {
        self.jump_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Signs a device in; `None` if the person is shut out.
    pub(super) fn sign_in(&self, user_id: UserId) -> Option<Ticketed> {
        let number = self.next_token.get() + 1;
        self.next_token.set(number);
        let token = format!("{number:0>43}");
        let now = Timestamp::from_unix_ms(BEGINNING_MS);
        let request = OpenSession {
            user_id,
            verified: None,
            token_hash: self.tokens.hash(&token).unwrap(),
            device: None,
            seen_at: now,
            lifetime_ms: i64::from(u32::MAX),
            idle_ms: i64::from(u32::MAX),
        };
        let opened = self.database.administer(|repository| open_session(repository, now, &request)).ok()?;
        let opened_behind = self.database.look(|repository| repository.database_state().unwrap().control_seq);
        self.opened_behind.borrow_mut().insert(opened.id, opened_behind);
        Some(Ticketed { id: opened.id, token, opened_behind })
    }

    /// Ends a run.
    pub(super) async fn end(&self) {
        self.kill_node(true).await;
    }

    /// The code with which the node closes because of a defect.
    pub(super) const DEFECT: u16 = CloseCode::Internal.code();
}
