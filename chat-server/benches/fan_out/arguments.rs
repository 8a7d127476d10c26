//! What the benchmark is told on its command line.

use clap::{Parser, ValueEnum};

use crate::shape::{SHAPES, Shape};
use crate::target::{TARGETS, Target};

/// Measures the fan-out of chat-server beside a bare loop that only writes.
#[derive(Debug, Parser)]
#[command(name = "fan_out")]
pub(crate) struct Arguments {
    /// Seconds that are measured in each run, behind a second of warm-up.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seconds: u64,
    /// Rounds; each figure is the median over them.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rounds: u64,
    /// Only one shape: rooms and clients in each, as in `10x100`.
    #[arg(long, value_parser = SHAPES.each_ref().map(|shape| shape.name))]
    shape: Option<String>,
    /// Only one target.
    #[arg(long)]
    target: Option<Target>,
    /// What this process is: the benchmark starts itself again as a reference.
    #[arg(long, hide = true)]
    pub(crate) role: Option<Role>,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a process of the benchmark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// The reference that writes each message to each member by itself.
    BareLoop,
    /// The reference that writes what a turn of its loop brought to each member at once.
    BareLoopPerTurn,
}

impl Arguments {
    /// The shapes to be measured.
    pub(crate) fn shapes(&self) -> Vec<&'static Shape> {
        let is_wanted = |shape: &&Shape| self.shape.as_ref().is_none_or(|name| name == shape.name);
        SHAPES.iter().filter(is_wanted).collect()
    }

    /// The targets to be measured.
    pub(crate) fn targets(&self) -> Vec<Target> {
        TARGETS.into_iter().filter(|&target| self.target.is_none_or(|only| only == target)).collect()
    }
}
