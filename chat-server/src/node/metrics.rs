//! What the node counts and measures, for `/metrics`.
//!
//! Counters are relaxed atomics, found without a lock and without allocating; a histogram is touched once per commit.
//! Gauges are read off the node when somebody asks. Labels are bounded sets: codes, kinds and outcomes, never the name
//! of a person or a room.

mod families;
mod readings;

use std::time::Duration;

use chat_domain::{MessageKind, Timestamp};
use chat_protocol::{CloseCode, ErrorCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use families::{Counters, Gauges, Label, gauge, histogram};
use readings::ReadGauges;
pub(crate) use readings::{Readings, RoomCounts, Waiting};

/// Upper bounds of the commits' sizes: 1, 2, 4 … 1,024 commands, which is the most that one takes.
const COMMIT_SIZES: u16 = 11;
/// Upper bounds of the commits' durations, in seconds: from a fast disk's sync to what no client waits for.
const COMMIT_SECONDS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// What is counted and measured.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    read: ReadGauges,
    messages: Counters<MessageKind>,
    batch_commands: Histogram,
    commit_seconds: Histogram,
    store_reads: Counters<StoreRead>,
    refusals: Counters<(Transport, ErrorCode)>,
    closes: Counters<CloseCode>,
    logins: Counters<Outcome>,
    registrations: Counters<Outcome>,
}

/// What carried a request that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    /// An HTTP request.
    Http,
    /// An event on a WebSocket.
    WebSocket,
}

impl Metrics {
    /// Registers everything; every value of a label is there from the start.
    pub(crate) fn new(started_at: Timestamp) -> Self {
        let mut registry = Registry::default();
        let all = &mut registry;
        let build = "1; the label says which build it is";
        Gauges::register(
            all,
            "chat_build_info",
            build,
            [((), [("version", env!("CARGO_PKG_VERSION").into())])],
        )
        .set((), 1);
        let started = "When the server started, in Unix time";
        gauge(all, "process_start_time_seconds", started).set(started_at.unix_ms() / 1_000);
        let (sizes, seconds) = (exponential_buckets(1.0, 2.0, COMMIT_SIZES), COMMIT_SECONDS);
        let size = "Commands in one commit, successful or not";
        let took = "How long a commit takes, successful or not";
        let stored = "Messages that were committed; joining and leaving a room are messages too";
        let reads =
            "Reads of the database by this server, each in a transaction of its own, by what was asked for";
        let refused = "Requests that were answered with an error, by its code";
        let closed = "WebSockets that the server closed, by the close code";
        let logins = "Sign-ins with a password, by what they came to";
        let registrations = "Registrations, by what they came to";
        Self {
            read: ReadGauges::register(all),
            messages: Counters::register(all, "chat_messages_stored", stored, kinds()),
            batch_commands: histogram(all, "chat_commit_batch_commands", size, sizes),
            commit_seconds: histogram(all, "chat_commit_seconds", took, seconds),
            store_reads: Counters::register(all, "chat_store_reads", reads, store_reads()),
            refusals: Counters::register(all, "chat_refusals", refused, refusals()),
            closes: Counters::register(all, "chat_closes", closed, closes()),
            logins: Counters::register(all, "chat_logins", logins, outcomes(&Outcome::ALL)),
            registrations: Counters::register(
                all,
                "chat_registrations",
                registrations,
                outcomes(&Outcome::OF_REGISTRATIONS),
            ),
            registry,
        }
    }

    /// Counts a request that was answered with an error.
    pub(crate) fn refused(&self, transport: Transport, code: ErrorCode) {
        self.refusals.count((transport, code));
    }

    /// Counts a connection that the server closes.
    pub(crate) fn closed(&self, code: CloseCode) {
        self.closes.count(code);
    }

    /// How many connections were closed with a code.
    #[cfg(test)]
    pub(crate) fn closed_with(&self, code: CloseCode) -> u64 {
        self.closes.of(code)
    }

    /// Counts a sign-in with a password; `refused` is the error's code, if there was one.
    pub(crate) fn login(&self, refused: Option<ErrorCode>) {
        self.logins.count(Outcome::of(refused));
    }

    /// Counts a registration; `refused` is the error's code, if there was one.
    pub(crate) fn registration(&self, refused: Option<ErrorCode>) {
        self.registrations.count(Outcome::of(refused));
    }

    /// Counts a message that is committed.
    pub(crate) fn stored(&self, kind: MessageKind) {
        self.messages.count(kind);
    }

    /// Notes how many commands were committed together, and how long that took.
    pub(crate) fn committed(&self, commands: usize, took: Duration) {
        self.batch_commands.observe(f64::from(u32::try_from(commands).unwrap_or(u32::MAX)));
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// Counts a read of the database.
    pub(crate) fn store_read(&self, what: StoreRead) {
        self.store_reads.count(what);
    }

    /// Notes whether the database answers.
    pub(crate) fn database(&self, is_up: bool) {
        self.read.database_up.set(i64::from(is_up));
    }

    /// Everything as text, in the format of OpenMetrics 1.0, which is valid in Prometheus's older text format too.
    pub(crate) fn text(&self, readings: Readings) -> String {
        self.read.set(readings);
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics could not be encoded");
        }
        text
    }
}

fn kinds() -> impl Iterator<Item = (MessageKind, [Label; 1])> {
    let all = [MessageKind::Text, MessageKind::System, MessageKind::Join, MessageKind::Leave];
    all.into_iter().map(|kind| (kind, [("kind", kind.as_str().into())]))
}

fn refusals() -> impl Iterator<Item = ((Transport, ErrorCode), [Label; 2])> {
    let transports = [(Transport::Http, "http"), (Transport::WebSocket, "websocket")];
    transports.into_iter().flat_map(|(transport, name)| {
        let labelled = move |&code: &ErrorCode| {
            ((transport, code), [("transport", name.into()), ("code", code.as_str().into())])
        };
        ErrorCode::ALL.iter().map(labelled)
    })
}

fn closes() -> impl Iterator<Item = (CloseCode, [Label; 2])> {
    CloseCode::ALL.iter().map(|&code| {
        let number = code.code().to_string();
        (code, [("code", number.into()), ("reason", code.reason().into())])
    })
}

fn outcomes(all: &[Outcome]) -> impl Iterator<Item = (Outcome, [Label; 1])> {
    all.iter().map(|&outcome| (outcome, [("outcome", outcome.as_str().into())]))
}

fn store_reads() -> impl Iterator<Item = (StoreRead, [Label; 1])> {
    StoreRead::ALL.into_iter().map(|what| (what, [("what", what.as_str().into())]))
}

/// What a read of the database was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum StoreRead {
    /// Who is signed in, and with which devices.
    Session,
    /// What a joining or resuming client is shown of a room.
    Room,
    /// A page of older messages.
    History,
    /// Somebody's list of rooms.
    Rooms,
    /// What was left out between two commits.
    Hole,
    /// The control log, and whether the database answers.
    Control,
}

impl StoreRead {
    const ALL: [Self; 6] = [Self::Session, Self::Room, Self::History, Self::Rooms, Self::Hole, Self::Control];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Room => "room",
            Self::History => "history",
            Self::Rooms => "rooms",
            Self::Hole => "hole",
            Self::Control => "control",
        }
    }
}

/// What a sign-in or a registration came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Outcome {
    Ok,
    /// Name and password don't belong together.
    Wrong,
    /// Too many of them came.
    Throttled,
    /// The request broke another rule.
    Refused,
    /// The server could not: it is overloaded, or the database is away.
    Failed,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Ok, Self::Wrong, Self::Throttled, Self::Refused, Self::Failed];
    const OF_REGISTRATIONS: [Self; 4] = [Self::Ok, Self::Throttled, Self::Refused, Self::Failed];

    const fn of(refused: Option<ErrorCode>) -> Self {
        use ErrorCode::{Internal, Overloaded, RateLimited, StorageFull, Unavailable, WrongCredentials};
        match refused {
            None => Self::Ok,
            Some(WrongCredentials) => Self::Wrong,
            Some(RateLimited) => Self::Throttled,
            Some(Overloaded | Unavailable | StorageFull | Internal) => Self::Failed,
            Some(_) => Self::Refused,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Wrong => "wrong",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}
