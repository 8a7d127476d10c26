//! Building, running and draining the server.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use chat_domain::repository::DatabaseState;
use chat_domain::{ControlSeq, Repository, RepositoryError, Room, Timestamp, TypingBoard, add_default_rooms};
use chat_store::password::{PasswordHasher, PasswordParams};
use chat_store::secret_key::SecretKey;
use chat_store::tokens::Tokens;
use chat_store::{
    Audience, Store, StoreOptions, Transactions, WorkerPool, Writer, WriterOptions, migrations,
};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use crate::accept::accept_all;
use crate::clock::{Clock, SystemClock};
use crate::committed::Committed;
use crate::config::Config;
use crate::control::{ROOMS_KNOWN_MAX, run_control_log, run_ephemeral, run_upkeep};
use crate::data_dir::{DataDirError, DataDirLock};
use crate::directory::Directory;
use crate::node::connections::Connections;
use crate::node::metrics::Metrics;
use crate::node::presence::Presence;
use crate::node::rates::Rates;
use crate::node::sightings::Sightings;
use crate::node::tops::Tops;
use crate::node::{MANY, Node};
use crate::origins::Origins;
use crate::passwords::Passwords;
use crate::random::SystemChance;
use crate::security_log::RefusalLog;
use crate::shard::Shard;
use crate::shard::inbox::{Inbox, ShardEvent};
use crate::shard::{dispatcher, timers};
use crate::store_access::{StoreThreads, Ticket};

/// Shards, at most: one for each core that the process may use. A room's connections are spread over all of them.
const SHARDS_MAX: usize = 16;
/// Threads that read from the database.
const READER_THREADS: usize = 4;
/// Reads that may wait for a thread, at most; one more is answered with `overloaded`.
const READS_WAITING_MAX: usize = 4_096;
/// Connections that may wait to be accepted, at most; the system may allow fewer (`net.core.somaxconn`). One more is let
/// wait by the system for a second, then longer and longer: everybody comes back in the moment after a restart.
const BACKLOG_MAX: i32 = 4_096;
/// Accepted connections that may wait for their shard, at most.
const ACCEPTED_WAITING_MAX: usize = 1_024;
/// Bytes that the kernel may hold for one connection that doesn't read, beside the process's own queue.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// Why the server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The migrations.
    #[error("the database could not be brought up to date: {0}")]
    Migration(String),
    /// The database.
    #[error("the database could not be opened: {0}")]
    Open(String),
    /// The first reads and writes.
    #[error("the database does not work: {0}")]
    Database(#[from] RepositoryError),
    /// The default rooms.
    #[error("the default rooms could not be added: {0}")]
    Rooms(String),
    /// The operating system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A running server. Dropping it without [`Server::stop`] leaves its threads to the end of the process.
pub struct Server {
    address: SocketAddr,
    node: Arc<Node>,
    stopping: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    _data_dir: Option<DataDirLock>,
}

impl Server {
    /// Starts a server on a listener; it serves when this returns.
    ///
    /// # Errors
    /// [`StartError`] says which part did not start.
    pub fn start(config: Config, listener: TcpListener) -> Result<Self, StartError> {
        let address = listener.local_addr()?;
        socket2::SockRef::from(&listener).listen(BACKLOG_MAX)?;
        let data_dir = match config.database.sqlite_path() {
            Some(database) => Some(DataDirLock::take(&config.data_dir, database)?),
            None => None,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let store = open_store(&config)?;
        let beginning = prepare(&store, clock.wall())?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let foundation = Foundation {
            address,
            clock: Arc::clone(&clock),
            epoch: beginning.epoch,
            warnings: store.warnings().to_vec(),
            // On the other half the chat goes on at once: a core that hashes gives way a scheduler's tick late.
            passwords: Passwords::new(PasswordHasher::new(PasswordParams::default()), cores.div_ceil(2)),
            shards: cores.min(SHARDS_MAX),
        };
        let node = Arc::new(new_node(&config, foundation)?);
        node.directory.replace(beginning.rooms);
        start_store_threads(&node, store, clock)?;
        let (stopping, stopped) = watch::channel(false);
        let mut streams = Vec::new();
        let mut threads = Vec::new();
        for index in 0..node.inboxes.len() {
            let (accepted, incoming) = mpsc::channel(ACCEPTED_WAITING_MAX);
            streams.push(accepted);
            let (node, stopped) = (Arc::clone(&node), stopped.clone());
            let shard = move || run_shard(index, node, incoming, stopped);
            threads.push(std::thread::Builder::new().name(format!("shard-{index}")).spawn(shard)?);
        }
        let (main_node, control_seq) = (Arc::clone(&node), beginning.control_seq);
        let main = move || run_main(main_node, listener, streams, control_seq, stopped);
        threads.push(std::thread::Builder::new().name("accept".to_owned()).spawn(main)?);
        Ok(Self { address, node, stopping, threads, _data_dir: data_dir })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drains and stops: no new connections, the clients are told and closed over some time, the commits finish.
    ///
    /// It takes no longer than [`Timers::stop_timeout_ms`]: what a database that is away keeps from being committed was
    /// acknowledged to nobody.
    ///
    /// [`Timers::stop_timeout_ms`]: crate::Timers::stop_timeout_ms
    pub fn stop(self) -> Stopped {
        let within = Duration::from_millis(self.node.timers.stop_timeout_ms);
        let (done, all_done) = std::sync::mpsc::sync_channel(1);
        let drain = move || {
            self.drain();
            let _ = done.send(());
        };
        let started = std::thread::Builder::new().name("drain".to_owned()).spawn(drain);
        if let Err(error) = started {
            tracing::error!(%error, "the drain has no thread");
            return Stopped::Unfinished;
        }
        match all_done.recv_timeout(within) {
            Ok(()) => Stopped::InOrder,
            Err(_) => Stopped::Unfinished,
        }
    }

    fn drain(self) {
        self.node.is_draining.store(true, Ordering::Relaxed);
        // A shard that has already ended has nobody left to tell.
        let _ = self.stopping.send(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the server failed");
            }
        }
        if let Ok(store) = self.node.store() {
            for command in self.node.presence.farewell() {
                let _ = store.submit(command, Ticket::Nobody);
            }
            store.stop();
        }
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Stopped {
    /// All clients were told, and everything that was taken is committed.
    InOrder,
    /// Its time was up before that.
    Unfinished,
}

/// What the database says at the start.
pub(crate) struct Beginning {
    pub(crate) epoch: String,
    pub(crate) rooms: Vec<Room>,
    pub(crate) control_seq: ControlSeq,
}

fn store_options() -> StoreOptions {
    let readers = u32::try_from(READER_THREADS).unwrap_or(1);
    StoreOptions { readers, ..StoreOptions::default() }
}

fn open_store(config: &Config) -> Result<Store, StartError> {
    let options = store_options();
    let applied = migrations::up(&config.database, &options)
        .map_err(|error| StartError::Migration(error.to_string()))?;
    for name in applied {
        tracing::info!(migration = name, "migrated");
    }
    Store::open(&config.database, &options).map_err(|error| StartError::Open(error.to_string()))
}

/// Adds the default rooms to a chat that has none, and reads what the node starts with.
pub(crate) fn prepare(store: &impl Transactions, now: Timestamp) -> Result<Beginning, StartError> {
    let has_rooms =
        store.read(|repository| Ok::<_, RepositoryError>(!repository.list_rooms(1)?.is_empty()))?;
    if !has_rooms {
        let added = store.write_retrying(|repository| add_default_rooms(repository, now));
        added.map_err(|error| StartError::Rooms(error.to_string()))?;
    }
    store.write_retrying(|repository| repository.clear_presence())?;
    let read = |repository: &mut dyn Repository| {
        // The log's end first: what changes behind it is heard of again.
        let DatabaseState { epoch, control_seq } = repository.database_state()?;
        let rooms = repository.list_rooms(ROOMS_KNOWN_MAX)?;
        Ok::<_, RepositoryError>(Beginning { epoch, rooms, control_seq })
    };
    Ok(store.read(read)?)
}

/// What a node stands on beside its configuration.
pub(crate) struct Foundation {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<dyn Clock>,
    /// The epoch of the database's numbers.
    pub(crate) epoch: String,
    /// What the store has to say to the operator.
    pub(crate) warnings: Vec<String>,
    pub(crate) passwords: Passwords,
    /// How many threads share the connections.
    pub(crate) shards: usize,
}

pub(crate) fn new_node(config: &Config, foundation: Foundation) -> Result<Node, StartError> {
    let Foundation { address, clock, epoch, warnings, passwords, shards } = foundation;
    let secret = match &config.secret_key {
        Some(secret) => secret.clone(),
        None => SecretKey::of_data_dir(&config.data_dir)?,
    };
    Ok(Node {
        clock: Arc::clone(&clock),
        chance: Box::new(SystemChance),
        warnings,
        limits: config.limits.clone(),
        metrics: Metrics::new(clock.wall()),
        refusal_log: RefusalLog::new(clock.now()),
        metrics_token: config.metrics_token.clone(),
        timers: config.timers,
        registration: config.registration,
        origins: Origins::new(config.public_url.as_deref(), &config.allowed_origins, address),
        trusted_proxies: config.trusted_proxies.clone(),
        epoch,
        tokens: Tokens::new(secret),
        passwords,
        directory: Directory::default(),
        connections: Connections::default(),
        presence: Presence::new(config.timers.presence_grace_ms, clock),
        typing: Mutex::new(TypingBoard::new(config.timers.typing)),
        rates: Rates::new(&config.limits),
        room_reads: Arc::default(),
        many: MANY,
        sightings: Sightings::new(config.timers.session_touch_ms),
        tops: Tops::default(),
        inboxes: (0..shards).map(|_| Inbox::default()).collect(),
        store: OnceLock::new(),
        control_changed: tokio::sync::Notify::new(),
        sockets: AtomicUsize::new(0),
        requests: AtomicUsize::new(0),
        visitors: Arc::default(),
        is_draining: AtomicBool::new(false),
    })
}

fn start_store_threads(node: &Arc<Node>, store: Store, clock: Arc<dyn Clock>) -> Result<(), StartError> {
    let sink = Committed::new(Arc::clone(node), store.clone());
    // Weak, because the node has the writer.
    let of = Arc::downgrade(node);
    let audience = move |room_id| of.upgrade().map_or(Audience::Few, |node| node.audience(room_id));
    let writer =
        Writer::start(store.clone(), WriterOptions::default(), move || clock.wall(), audience, sink)?;
    let readers = WorkerPool::new("reader", READER_THREADS, READS_WAITING_MAX);
    let access = StoreThreads::new(store, readers, writer);
    let _ = node.store.set(Box::new(access));
    Ok(())
}

/// The accept loop and what the node does of its own accord.
fn run_main(
    node: Arc<Node>,
    listener: TcpListener,
    streams: Vec<mpsc::Sender<(std::net::TcpStream, SocketAddr)>>,
    control_seq: ControlSeq,
    mut stopped: watch::Receiver<bool>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "the accept loop has no runtime"),
    };
    runtime.block_on(async {
        let background = [
            tokio::spawn(run_control_log(Arc::clone(&node), control_seq)),
            tokio::spawn(run_ephemeral(Arc::clone(&node))),
            tokio::spawn(run_upkeep(Arc::clone(&node))),
        ];
        tokio::select! {
            () = accept_all(listener, streams, &*node.clock) => {}
            _ = stopped.wait_for(|is_stopping| *is_stopping) => {}
        }
        drain_connections(&node).await;
        for task in background {
            task.abort();
        }
    });
}

/// Tells every client that the server goes away, and waits until they are gone, but not for ever.
pub(crate) async fn drain_connections(node: &Node) {
    for inbox in node.inboxes.iter() {
        inbox.post(ShardEvent::Drain { spread_ms: node.timers.drain_spread_ms });
    }
    node.drained().await;
}

/// A shard's thread: its connections, its dispatcher and its timers, until the server has drained.
fn run_shard(
    index: usize,
    node: Arc<Node>,
    mut incoming: mpsc::Receiver<(std::net::TcpStream, SocketAddr)>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = match builder.enable_all().build_local(tokio::runtime::LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "a shard has no runtime"),
    };
    runtime.block_on(async {
        let shard = Shard::new(index, Arc::clone(&node));
        tokio::task::spawn_local(dispatcher::run(std::rc::Rc::clone(&shard)));
        tokio::task::spawn_local(timers::run(std::rc::Rc::clone(&shard)));
        while let Some((stream, peer)) = incoming.recv().await {
            match prepare_stream(stream) {
                Ok(stream) => {
                    tokio::task::spawn_local(crate::http::serve(std::rc::Rc::clone(&shard), stream, peer));
                }
                Err(error) => tracing::debug!(%error, "a connection could not be prepared"),
            }
        }
        // The accept loop has ended: the clients are being told, and go.
        let _ = stopped.wait_for(|is_stopping| *is_stopping).await;
        // A shard without sockets waits for the others: it still answers the probes that hang on it.
        node.drained().await;
    });
}

fn prepare_stream(stream: std::net::TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES)?;
    TcpStream::from_std(stream)
}
