//! A chat of two people in memory and in virtual time: the real connections, handlers, fan-out and HTTP.
#![expect(
    clippy::expect_used,
    reason = "what is prepared here is the same for every input, and must be there"
)]

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chat_domain::{MemoryRepository, Message, Repository, RepositoryError, RoomName, Seq, Timestamp};
use chat_store::Transactions;
use chat_store::password::{PasswordHasher, PasswordParams};
use chat_store::tokens::Tokens;
use clap::Parser;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use super::people::{Person, repository};
use super::store::MemoryStore;
use super::stream::{ServerEnd, Wire, connection};
use crate::clock::Clock;
use crate::config::{Config, Registration, Settings};
use crate::connection::socket::Stream;
use crate::connection::{Admission, serve};
use crate::control::{run_control_log, run_ephemeral, run_upkeep};
use crate::passwords::Passwords;
use crate::server::{Foundation, new_node, prepare};
use crate::shard::{Shard, dispatcher, timers};
use crate::{http, random};

/// When every run begins, in Unix milliseconds.
const BEGINNING: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);
/// The cheapest passwords that Argon2 allows.
const PASSWORDS: PasswordParams = PasswordParams { memory_kib: 8, iterations: 1, lanes: 1 };
/// The public URL, whose pages come in with a cookie.
const PUBLIC_URL: &str = "http://chat.example";
/// The network of the proxy that every request comes through.
const PROXIES: &str = "127.0.0.0/8";
/// The chat. It lives as long as its [`Chat::run`].
pub struct Chat {
    pub(super) shard: Rc<Shard<ServerEnd>>,
    pub(super) store: MemoryStore,
}

/// What is the same for every run.
struct Prepared {
    runtime: Runtime,
    config: Config,
    repository: MemoryRepository,
}

thread_local! {
    static PREPARED: Prepared = Prepared::new();
}

impl Chat {
    /// Runs something on a new chat. Time is virtual: it passes when nothing else happens.
    pub fn run<T>(work: impl AsyncFnOnce(&Self) -> T) -> T {
        PREPARED.with(|prepared| {
            LocalSet::new().block_on(&prepared.runtime, async { work(&Self::start(prepared)).await })
        })
    }

    fn start(Prepared { config, repository, .. }: &Prepared) -> Self {
        let store = MemoryStore::new(repository.clone());
        let clock = Arc::new(VirtualClock { began: tokio::time::Instant::now() });
        let beginning = prepare(&store, clock.wall()).expect("a store in memory");
        let passwords = Passwords::without_threads(PasswordHasher::new(PASSWORDS));
        let (address, epoch) = (config.bind, beginning.epoch);
        let foundation = Foundation { address, clock, epoch, warnings: Vec::new(), passwords, shards: 1 };
        let mut node = new_node(config, foundation).expect("a node of good settings");
        node.chance = Box::new(NoChance);
        node.directory.replace(beginning.rooms);
        assert!(node.store.set(Box::new(store.clone())).is_ok());
        let node = Arc::new(node);
        let shard = Shard::new(0, Arc::clone(&node));
        tokio::task::spawn_local(dispatcher::run(Rc::clone(&shard)));
        tokio::task::spawn_local(timers::run(Rc::clone(&shard)));
        tokio::task::spawn_local(run_control_log(Arc::clone(&node), beginning.control_seq));
        tokio::task::spawn_local(run_ephemeral(Arc::clone(&node)));
        tokio::task::spawn_local(run_upkeep(Arc::clone(&node)));
        tokio::task::spawn_local(store.clone().write_batches(node));
        Self { shard, store }
    }

    /// A connection that speaks HTTP, and comes through a proxy.
    #[must_use]
    pub fn http(&self) -> Wire {
        let (wire, stream) = connection();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        tokio::task::spawn_local(http::serve(Rc::clone(&self.shard), stream, peer));
        wire
    }

    /// A WebSocket after its handshake. Whoever is nobody has to sign in with the first frame.
    pub async fn socket(&self, who: Option<Person>) -> Wire {
        let node = &self.shard.node;
        let admission = match who {
            None => Admission::FirstFrame,
            Some(person) => {
                let as_of = node.connections.closings();
                let signed_in = node.sign_in(person.token()).await.ok().flatten();
                Admission::SignedIn(Box::new(signed_in.expect("a session that lasts")), as_of)
            }
        };
        let (wire, stream) = connection();
        let halves = stream.into_halves();
        tokio::task::spawn_local(serve(Rc::clone(&self.shard), halves, Vec::new(), admission));
        wire
    }

    /// Waits until all has happened that follows from what was sent.
    pub async fn settle(&self) {
        self.wait_ms(1).await;
    }

    /// Lets time pass.
    pub async fn wait_ms(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// How many bytes wait to be written on the connection where the most do.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        let mut most = 0;
        self.shard.inspect(|connection| most = most.max(connection.outbox.bytes()));
        most
    }

    /// What is stored in a room.
    #[must_use]
    pub fn stored(&self, room: &str) -> Vec<Message> {
        let read = |repository: &mut dyn Repository| {
            let room = RoomName::new(room).ok().map(|name| repository.find_room_by_name(&name));
            match room.transpose()?.flatten() {
                Some(room) => repository.list_changes(room.id, Seq::ZERO, u32::MAX),
                None => Ok(Vec::new()),
            }
        };
        self.store.read::<_, RepositoryError>(read).expect("a store in memory")
    }
}

/// Time as the runtime has it, from a fixed beginning.
struct VirtualClock {
    began: tokio::time::Instant,
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        BEGINNING.plus_ms(i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    fn wall(&self) -> Timestamp {
        self.now()
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// No chance: the same input has the same run.
struct NoChance;

impl random::Chance for NoChance {
    fn below_ms(&self, _: u64) -> u64 {
        0
    }
}

impl Prepared {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let config = config();
        let tokens = Tokens::new(config.secret_key.clone().expect("a secret"));
        let repository = repository(BEGINNING, &PasswordHasher::new(PASSWORDS), &tokens);
        Self { runtime: runtime.expect("a runtime"), repository, config }
    }
}

fn config() -> Config {
    let rates = ["messages", "joins", "history", "marks", "typing"];
    let off = rates.iter().map(|what| format!("--limit-{what}-per-second=0"));
    let arguments = ["chat-server", "--secret-key", "of the fuzz targets", "--public-url", PUBLIC_URL];
    let settings = Settings::parse_from(arguments.map(str::to_owned).into_iter().chain(off));
    let mut config = Config::from_settings(&settings).expect("good settings");
    config.trusted_proxies.extend(PROXIES.parse::<ipnet::IpNet>());
    config.registration = Registration::Open;
    config
}
