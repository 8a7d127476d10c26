//! What all shards of this node share.

pub(crate) mod connections;
pub(crate) mod metrics;
pub(crate) mod presence;
pub(crate) mod rates;
pub(crate) mod room_reads;
pub(crate) mod sightings;
pub(crate) mod tops;
pub(crate) mod visitors;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chat_domain::{
    Command, CommandError, Outcome, Repository, RepositoryError, RoomId, SignedIn, TypingBoard, TypingChange,
    UserId, UserSummary, find_signed_in,
};
use chat_protocol::ServerEvent;
use chat_protocol::events::UserTyping;
use chat_store::Audience;
use chat_store::tokens::Tokens;
use tokio::sync::{Notify, oneshot};

use crate::clock::Clock;
use crate::config::{Limits, Registration, Timers};
use crate::directory::Directory;
use crate::failure::Failure;
use crate::frame;
use crate::metrics_token::MetricsToken;
use crate::node::connections::Connections;
use crate::node::metrics::{Metrics, StoreRead};
use crate::node::presence::Presence;
use crate::node::rates::Rates;
use crate::node::room_reads::RoomReads;
use crate::node::sightings::Sightings;
use crate::node::tops::Tops;
use crate::node::visitors::Visitors;
use crate::origins::Origins;
use crate::passwords::Passwords;
use crate::random::Chance;
use crate::security_log::RefusalLog;
use crate::shard::inbox::{Inbox, ShardEvent, Unsubscribe};
use crate::store_access::{StoreAccess, Ticket};

/// People in a room for whose write-out other rooms don't wait: it takes a millisecond, and more.
pub(crate) const MANY: u64 = 256;

/// What all shards of this node share. The locks inside are held for a look-up, never across a wait, and never two
/// at once.
pub(crate) struct Node {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Box<dyn Chance>,
    /// What an operator should know of the database.
    pub(crate) warnings: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) refusal_log: RefusalLog,
    /// Who has it reads the metrics; without one only this machine does.
    pub(crate) metrics_token: Option<MetricsToken>,
    pub(crate) timers: Timers,
    pub(crate) registration: Registration,
    pub(crate) origins: Origins,
    pub(crate) trusted_proxies: Vec<ipnet::IpNet>,
    pub(crate) epoch: String,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) directory: Directory,
    pub(crate) connections: Connections,
    pub(crate) presence: Presence,
    pub(crate) typing: Mutex<TypingBoard>,
    pub(crate) rates: Rates,
    pub(crate) room_reads: Arc<RoomReads>,
    /// People that make a room large: [`MANY`], or fewer in a simulation.
    pub(crate) many: u64,
    pub(crate) sightings: Sightings,
    pub(crate) tops: Tops,
    pub(crate) inboxes: Arc<[Inbox]>,
    /// Set once when the store's threads run.
    pub(crate) store: OnceLock<Box<dyn StoreAccess>>,
    /// Wakes the reader of the control log before its time.
    pub(crate) control_changed: Notify,
    /// Open WebSockets, signed in or not; see [`SocketPlace`].
    pub(crate) sockets: AtomicUsize,
    /// How many plain requests are under way.
    pub(crate) requests: AtomicUsize,
    /// Open plain HTTP connections.
    pub(crate) visitors: Arc<Visitors>,
    /// Set when the server goes away.
    pub(crate) is_draining: AtomicBool,
}

/// A WebSocket's place among the node's, from the upgrade to its end; dropping it gives it back.
pub(crate) struct SocketPlace(Arc<Node>);

impl SocketPlace {
    /// Takes a place. `None` if all are taken.
    pub(crate) fn take(node: &Arc<Node>) -> Option<Self> {
        let taken = node.sockets.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(node));
        (taken < node.limits.connections).then_some(place)
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A plain request that is being handled; counted until it is dropped.
pub(crate) struct RequestUnderWay(Arc<Node>);

impl RequestUnderWay {
    pub(crate) fn begin(node: &Arc<Node>) -> Self {
        node.requests.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(node))
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Node {
    /// Waits until no WebSocket is left and no request is under way, but not for ever.
    pub(crate) async fn drained(&self) {
        let sockets = self.until_none(&self.sockets, self.timers.drain_timeout_ms);
        let requests = self.until_none(&self.requests, self.timers.drain_requests_timeout_ms);
        tokio::join!(sockets, requests);
    }

    async fn until_none(&self, count: &AtomicUsize, timeout_ms: u64) {
        let none = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(self.timers.tick_ms));
            while count.load(Ordering::Relaxed) > 0 {
                ticks.tick().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(timeout_ms), none).await;
    }

    /// How many hear a room on this node.
    pub(crate) fn audience(&self, room_id: RoomId) -> Audience {
        if self.presence.online(room_id) < self.many { Audience::Few } else { Audience::Many }
    }

    /// The way to the store.
    pub(crate) fn store(&self) -> Result<&dyn StoreAccess, Failure> {
        self.store.get().map(Box::as_ref).ok_or_else(Failure::overloaded)
    }

    /// Whether the writer has something to do and waits for a core.
    pub(crate) fn is_commit_due(&self) -> bool {
        self.store.get().is_some_and(|store| store.is_commit_due())
    }

    /// Reads something in one snapshot. Answers within the commit timeout whatever the database does.
    pub(crate) async fn read<T, E>(
        &self,
        what: StoreRead,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        E: Send + 'static,
        Failure: From<E>,
    {
        let (answer, answered) = oneshot::channel();
        self.store()?.read(Box::new(move || {
            // After an outage the queue is full of questions whose time is up; who asks now shall not wait for them.
            if answer.is_closed() {
                return None;
            }
            Some(Box::new(move |repository| {
                let result = match repository {
                    Ok(repository) => work(repository).map_err(Failure::from),
                    Err(error) => Err(<Failure as From<RepositoryError>>::from(error)),
                };
                let _ = answer.send(result);
            }))
        }))?;
        self.metrics.store_read(what);
        self.within_timeout(answered).await?
    }

    /// Commits a durable command. A timeout means "unknown", and the command may still be stored.
    pub(crate) async fn execute(&self, command: Command) -> Result<Outcome, Failure> {
        let (answer, answered) = oneshot::channel::<Result<Outcome, CommandError>>();
        self.store()?.submit(command, Ticket::Call(answer))?;
        Ok(self.within_timeout(answered).await??)
    }

    async fn within_timeout<T>(&self, answered: oneshot::Receiver<T>) -> Result<T, Failure> {
        let limit = Duration::from_millis(self.timers.commit_timeout_ms);
        match tokio::time::timeout(limit, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Failure::internal("a store thread gave no answer")),
            Err(_) => Err(Failure::unavailable()),
        }
    }

    /// Finds who is signed in with a token; the session counts as seen.
    pub(crate) async fn sign_in(&self, token: &str) -> Result<Option<SignedIn>, Failure> {
        let Some(hash) = self.tokens.hash(token) else { return Ok(None) };
        let (now, idle_ms) = (self.clock.now(), self.limits.session_idle_ms);
        let find = move |repository: &mut dyn Repository| find_signed_in(repository, now, idle_ms, &hash);
        let mut found = self.read(StoreRead::Session, find).await?;
        if let Some(SignedIn { session, .. }) = &mut found {
            self.sightings.note(session, now);
        }
        Ok(found)
    }

    /// Sends something that may be lost to everybody in a room but one person.
    pub(crate) fn broadcast_ephemeral(&self, room_id: RoomId, event: &ServerEvent, except: UserId) {
        let frame = frame::of_event(event, None);
        for inbox in self.inboxes.iter() {
            inbox.post_ephemeral(room_id, frame.clone(), Some(except));
        }
    }

    /// Ends what somebody (or everybody) hears of a room.
    pub(crate) fn unsubscribe(&self, whom: Unsubscribe) {
        for inbox in self.inboxes.iter() {
            inbox.post(ShardEvent::Unsubscribe(whom.clone()));
        }
    }

    /// Sends something to every connection.
    pub(crate) fn broadcast_to_all(&self, event: &ServerEvent) {
        let frame = frame::of_event(event, None);
        for inbox in self.inboxes.iter() {
            inbox.post(ShardEvent::ToAll { frame: frame.clone() });
        }
    }

    /// Sends something to all connections of one person but one.
    pub(crate) fn send_to_user(&self, user_id: UserId, frame: &Bytes, except: Option<u64>) {
        for address in self.connections.of_user(user_id) {
            if Some(address.serial) != except
                && let Some(inbox) = self.inboxes.get(address.shard)
            {
                inbox.post(ShardEvent::ToConnection { address, frame: frame.clone() });
            }
        }
    }

    /// Says that somebody began or ceased to type.
    pub(crate) fn tell_typing(&self, change: TypingChange, user: &UserSummary) {
        let Some(room) = self.directory.name(change.room_id) else { return };
        let event = ServerEvent::UserTyping(UserTyping {
            room,
            user: user.clone().into(),
            is_typing: change.is_typing,
        });
        self.broadcast_ephemeral(change.room_id, &event, change.user_id);
    }

    /// Ends the typing whose time is up.
    pub(crate) fn sweep_typing(&self) {
        let ended = self.typing.lock().unwrap_or_else(PoisonError::into_inner).sweep(self.clock.now());
        for change in ended {
            if let Some(user) = self.presence.user(change.room_id, change.user_id) {
                self.tell_typing(change, &user);
            }
        }
    }

    /// Ends somebody's typing in a room.
    pub(crate) fn stop_typing(&self, room_id: RoomId, user: &UserSummary) {
        let change = self.typing.lock().unwrap_or_else(PoisonError::into_inner).stop(room_id, user.id);
        if let Some(change) = change {
            self.tell_typing(change, user);
        }
    }
}
