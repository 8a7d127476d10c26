//! `chat-cli bench`: a load on a server, or on the store alone, and what came of it.
//!
//! A load is a [`swarm`] of [`client`]s on one thread, which count together in a [`ledger`]; each kind of load
//! ([`fanout`], [`rate`], [`idle`], [`storm`], [`history`]) has a file that says what happens when. What a delivery costs here must
//! stay far below what it costs the server, or the figures would be those of the generator; so frames are looked at
//! and not parsed, and nothing is allocated for one.

mod client;
mod cpu;
mod crowd;
mod fanout;
mod figures;
mod frames;
mod history;
mod idle;
mod ledger;
mod metrics;
mod number;
mod open_files;
mod pacer;
mod pages;
mod process;
mod rate;
mod refusal;
mod shape;
mod stopwatch;
mod store;
mod storm;
mod summary;
mod swarm;
mod target;
mod watch;
mod wire;

use crate::args::Global;
use crate::args::bench::Bench;
use crate::commands::Clock;
use crate::database::Database;
use crate::error::CliError;
use crate::output::Report;

/// Runs a load.
pub(crate) fn run(command: &Bench, global: &Global, clock: Clock) -> Result<Report, CliError> {
    match command {
        Bench::Fanout(request) => fanout::run(request, global.json),
        Bench::Rate(request) => rate::run(request, global.json),
        Bench::Idle(request) => idle::run(request, global.json),
        Bench::Storm(request) => storm::run(request, global.json),
        Bench::History(request) => history::run(request, global.json),
        Bench::Store(request) => store::run(request, &Database::locate(global)?, clock, global.json),
    }
}
