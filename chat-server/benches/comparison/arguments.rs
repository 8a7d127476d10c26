//! What the comparison is told on its command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::shape::{SHAPES, STORMS, Shape, Storm};
use crate::target::Target;

/// Measures chat-server beside the limits of this machine and beside servers of others.
#[derive(Debug, Parser)]
#[command(name = "comparison")]
pub(crate) struct Arguments {
    /// What is measured.
    #[arg(value_enum, default_value = "fan-out")]
    pub(crate) load: Load,
    /// Seconds that are measured in each run, behind a second of warm-up.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seconds: u64,
    /// Rounds; each figure is the median over them.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rounds: u64,
    /// Fan-out with one shape only: rooms and clients in each, as in `10x100`.
    #[arg(long, value_parser = SHAPES.each_ref().map(|shape| shape.name))]
    shape: Option<String>,
    /// Storms of one kind only.
    #[arg(long, value_parser = STORMS.each_ref().map(|storm| storm.name))]
    storm: Option<String>,
    /// These targets only, of those that a load has.
    #[arg(long = "target", value_delimiter = ',')]
    wanted: Vec<Target>,
    /// History in rooms of so many messages at most: ten million take 2.6 GB of disk.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    pub(crate) messages_max: u32,
    /// What this process is: the comparison starts itself again as a limit.
    #[arg(long, hide = true)]
    pub(crate) role: Option<Role>,
    /// The database of that limit.
    #[arg(long, hide = true, default_value = "chat.db")]
    pub(crate) database: PathBuf,
    /// People whom that limit lists in a room.
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) participants: usize,
    /// Where the server of the bursts listens.
    #[arg(long, hide = true, default_value = "")]
    pub(crate) server: String,
    /// The file of their people's tokens.
    #[arg(long, hide = true, default_value = "tokens")]
    pub(crate) tokens: PathBuf,
    /// How many there are.
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) bursts: usize,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Load {
    /// Deliveries at saturation.
    FanOut,
    /// Durable messages of 64 senders.
    Store,
    /// How long messages take at a rate that leaves everybody time.
    Rate,
    /// The same where one client in a hundred never reads.
    StalledReaders,
    /// How long messages take in a room of 2 beside a saturated room of 1,000.
    NoisyNeighbour,
    /// Clients that all come at once.
    Storm,
    /// Pages of history in rooms of a thousand to ten million messages.
    History,
    /// From starting the server until it listens, its memory then, and its size.
    Start,
    /// Durable messages of 64 senders on PostgreSQL, beside pgbench.
    Postgres,
    /// Bursts into one huge room, on one core and on two.
    Cores,
}

/// What a process of the comparison is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Writes each message to each member by itself.
    BareLoop,
    /// Writes what a turn of its loop brought to each member at once.
    BareLoopPerTurn,
    /// The same, and makes it durable before.
    BareLoopPerCommit,
    /// Answers upgrades and joins from memory.
    AcceptLoop,
    /// Inserts rows, many with a commit.
    InsertLoop,
    /// Inserts rows, each with a commit.
    CommitLoop,
    /// Sends bursts into one huge room.
    Bursts,
}

impl Arguments {
    /// The shapes to be measured.
    pub(crate) fn shapes(&self) -> Vec<&'static Shape> {
        let is_wanted = |shape: &&Shape| self.shape.as_ref().is_none_or(|name| name == shape.name);
        SHAPES.iter().filter(is_wanted).collect()
    }

    /// The storms to be measured.
    pub(crate) fn storms(&self) -> Vec<&'static Storm> {
        let is_wanted = |storm: &&Storm| self.storm.as_ref().is_none_or(|name| name == storm.name);
        STORMS.iter().filter(is_wanted).collect()
    }

    /// The targets to be measured of those that a load has, as far as they are there.
    pub(crate) fn targets(&self, of: &[Target]) -> Vec<Target> {
        let is_wanted = |target: &Target| self.wanted.is_empty() || self.wanted.contains(target);
        of.iter().copied().filter(is_wanted).filter(|target| target.is_there()).collect()
    }
}
