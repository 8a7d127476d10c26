//! The command line of `bench`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Rooms, members, senders, clients, messages, at most, in any count of a load.
const COUNT_MAX: i64 = 1_000_000;
/// Seconds of anything, at most.
const SECONDS_MAX: i64 = 86_400;
/// Bytes in a message's body, at least: what tells messages apart stands in it.
const BODY_BYTES_MIN: i64 = 40;
/// Bytes in a message's body, at most.
const BODY_BYTES_MAX: i64 = 8_192;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Fan-out at saturation: every sender keeps some messages under way and waits for its own (a closed loop).
    ///
    /// Every delivery is counted: a lost or doubled one is exit code 1.
    Fanout(Fanout),
    /// Fan-out at a given rate: how long messages take, counted from when they were due (an open loop).
    ///
    /// A server that stalls is not asked less meanwhile, and what waits counts as waiting. Members take turns in
    /// sending.
    Rate(Rate),
    /// What connections cost that do nothing: memory, and with --seconds of a minute or more CPU for pings.
    Idle(Idle),
    /// Many clients join at once with their history, or come back at once with --resume.
    Storm(Storm),
    /// How long pages of a room's history take: each client asks for the next one, at a random place, when one came.
    ///
    /// A room is as slow as what it holds makes it, so measure in one as long as yours will be; the first clients
    /// become members of it.
    History(History),
    /// The store by itself, without a server: durable messages per second, in groups and one by one.
    ///
    /// It writes into the database that --database-url or DATABASE_URL names, among the people and rooms of
    /// `seed --tokens`, and adds those that it needs. Stop the server meanwhile.
    Store(StoreLoad),
}

/// Against which server, as whom, and what is shown.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Where the server listens: http://HOST:PORT or HOST:PORT. This program speaks no TLS.
    #[arg(long, env = "CHAT_SERVER", default_value = "http://127.0.0.1:8081", value_name = "URL")]
    pub(crate) server: String,
    /// The file that `chat-cli seed --users N --tokens FILE` wrote; each client needs a token of its own.
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: PathBuf,
    /// The server's process, if it runs on this machine: its memory, and its CPU with its children's, are shown beside
    /// the generator's.
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Addresses of this machine to connect from, in turn, separated by commas: one has ports for some 28,000
    /// connections. To a server on 127.0.0.1 as many of 127.0.0.x are used as are needed.
    #[arg(long, value_name = "IP,IP", value_delimiter = ',')]
    pub(crate) source_addresses: Vec<IpAddr>,
    /// Say on standard error every second how far it is, also where that is no terminal.
    #[arg(long)]
    pub(crate) progress: bool,
}

/// Rooms, members, senders and messages under way.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Preset {
    /// 100 rooms of 10: 1 sender each, 4 messages under way.
    #[value(name = "100x10")]
    Small,
    /// 10 rooms of 100: 2 senders each, 8 messages under way.
    #[value(name = "10x100")]
    Middle,
    /// 1 room of 1,000: 4 senders, 8 messages under way.
    #[value(name = "1x1000")]
    Large,
}

/// `bench fanout`.
#[derive(Debug, Args)]
pub(crate) struct Fanout {
    /// Which server.
    #[command(flatten)]
    pub(crate) load: Load,
    /// Where the numbers come from that are not said.
    #[arg(long, value_enum, default_value = "100x10")]
    pub(crate) shape: Preset,
    /// Rooms.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) rooms: Option<u32>,
    /// Clients in each room.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) members: Option<u32>,
    /// Those of them who send.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) senders: Option<u32>,
    /// Messages that a sender keeps under way.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) window: Option<u32>,
    /// How long, and how long messages are.
    #[command(flatten)]
    pub(crate) measure: Measure,
    /// The server sends no acks: a baseline that only fans out.
    #[arg(long, hide = true)]
    pub(crate) without_acks: bool,
}

/// How long is measured, and how long messages are.
#[derive(Debug, Args)]
pub(crate) struct Measure {
    /// Seconds that are measured.
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=SECONDS_MAX))]
    pub(crate) seconds: u32,
    /// Seconds of load before that.
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = clap::value_parser!(u32).range(0..=SECONDS_MAX))]
    pub(crate) warm_up: u32,
    /// Bytes in a message's body.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(BODY_BYTES_MIN..=BODY_BYTES_MAX))]
    pub(crate) body_bytes: u32,
}

/// `bench rate`.
#[derive(Debug, Args)]
pub(crate) struct Rate {
    /// Which server.
    #[command(flatten)]
    pub(crate) load: Load,
    /// Messages per second, in all rooms together.
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) per_second: u32,
    /// Rooms.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) rooms: u32,
    /// Clients in each room.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) members: u32,
    /// The number of the first room: with another one a load keeps out of the rooms of a second load beside it.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) first_room: u32,
    /// One client in so many joins and then never reads again. The times are those of the others; that the server
    /// closes it as a slow reader is no error.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=COUNT_MAX))]
    pub(crate) stalled_every: Option<u32>,
    /// How long, and how long messages are.
    #[command(flatten)]
    pub(crate) measure: Measure,
    /// The server sends no acks: a baseline that only fans out.
    #[arg(long, hide = true)]
    pub(crate) without_acks: bool,
}

/// `bench idle`.
#[derive(Debug, Args)]
pub(crate) struct Idle {
    /// Which server.
    #[command(flatten)]
    pub(crate) load: Load,
    /// Connections in the end.
    #[arg(long, default_value_t = 18_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) connections: u32,
    /// Connections from which on memory is compared: the first ones fill the server's own caches.
    #[arg(long, default_value_t = 2_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) base: u32,
    /// Clients in each room; each is in one.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) members: u32,
    /// Seconds of quiet before memory is read.
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u32).range(0..=SECONDS_MAX))]
    pub(crate) settle: u32,
    /// Seconds that all connections are held. The server pings after 25 s of silence.
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=SECONDS_MAX))]
    pub(crate) seconds: u32,
    /// Messages that then go to everybody, after which memory is read once more. Before memory is read at all, as many
    /// go to the first connections, so that the server's own caches are full.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=COUNT_MAX))]
    pub(crate) burst: u32,
    /// Seconds between such a burst and reading memory.
    #[arg(long, default_value_t = 60, value_name = "S", value_parser = clap::value_parser!(u32).range(0..=SECONDS_MAX))]
    pub(crate) after_burst: u32,
}

/// `bench storm`.
#[derive(Debug, Args)]
pub(crate) struct Storm {
    /// Which server.
    #[command(flatten)]
    pub(crate) load: Load,
    /// Clients.
    #[arg(long, default_value_t = 2_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) clients: u32,
    /// Rooms in which they are.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) rooms: u32,
    /// Messages of history that each of them gets in the room.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=50))]
    pub(crate) history: u32,
    /// They were connected before, and resume what they missed.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Rooms that each of them resumes.
    #[arg(long, default_value_t = 3, value_name = "N", requires = "resume", value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) rooms_each: u32,
    /// Messages that they missed in each of these rooms.
    #[arg(long, default_value_t = 20, value_name = "N", requires = "resume", value_parser = clap::value_parser!(u32).range(0..=500))]
    pub(crate) missed: u32,
    /// Clients that are connecting or joining at the same time; without it all of them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) at_once: Option<u32>,
    /// The server sends no acks: a baseline, or another chat.
    #[arg(long, hide = true)]
    pub(crate) without_acks: bool,
}

/// `bench history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Which server.
    #[command(flatten)]
    pub(crate) load: Load,
    /// The room's number: it is called bench-N.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) room: u32,
    /// Clients, each with one page under way.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) clients: u32,
    /// Messages in a page.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) page: u32,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=SECONDS_MAX))]
    pub(crate) seconds: u32,
    /// Seconds of load before that.
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = clap::value_parser!(u32).range(0..=SECONDS_MAX))]
    pub(crate) warm_up: u32,
}

/// `bench store`.
#[derive(Debug, Args)]
pub(crate) struct StoreLoad {
    /// People who send; each waits until a message is durable before the next.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub(crate) senders: u32,
    /// Rooms among which they are spread.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub(crate) rooms: u32,
    /// Seconds of each way of writing in a round.
    #[arg(long, default_value_t = 2, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=SECONDS_MAX))]
    pub(crate) seconds: u32,
    /// Rounds; each figure is the median over them.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,
    /// Bytes in a message's body.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(BODY_BYTES_MIN..=BODY_BYTES_MAX))]
    pub(crate) body_bytes: u32,
    /// The first process of PostgreSQL, if it runs on this machine: the CPU of all its processes is shown as well.
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Say on standard error every second how far it is, also where that is no terminal.
    #[arg(long)]
    pub(crate) progress: bool,
}
