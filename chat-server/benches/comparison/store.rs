//! Durable messages of 64 senders, each of whom waits for the last one: through the server, through its store alone,
//! and as bare rows.

use std::io;

use crate::arguments::Arguments;
use crate::chat_cli::{self, figure};
use crate::disk;
use crate::fan_out;
use crate::pinning::Pinning;
use crate::report;
use crate::shape::ALONE;
use crate::target::{Target, limit};

/// What one round brought, in messages a second.
pub(crate) struct Round {
    /// Over connections, from the request to what everybody hears.
    pub(crate) server: f64,
    /// Through the server's writer, without a server.
    pub(crate) writer: f64,
    /// A commit of the server's store for each message.
    pub(crate) writer_one_by_one: f64,
    /// As many bare rows with a commit as there are senders.
    pub(crate) insert_loop: f64,
    /// A commit for each bare row.
    pub(crate) commit_loop: f64,
}

/// Runs each way of storing in turn, round after round.
pub(crate) fn compare(arguments: &Arguments, pinning: &Pinning) -> io::Result<String> {
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let round = run(arguments.seconds, pinning)?;
        eprintln!(
            "round {number}: server {:.0}, insert loop {:.0} messages/s",
            round.server, round.insert_loop
        );
        rounds.push(round);
    }
    Ok(report::store(&rounds))
}

fn run(seconds: u64, pinning: &Pinning) -> io::Result<Round> {
    let server = fan_out::run(Target::ChatServer, &ALONE, seconds, pinning)?;
    let folder = tempfile::tempdir_in(disk::FOLDER)?;
    chat_cli::seed(folder.path(), ALONE.population(), &folder.path().join("tokens"))?;
    let store = chat_cli::store(folder.path(), ALONE.clients(), seconds, pinning)?;
    Ok(Round {
        server: server.deliveries_per_s,
        writer: figure(&store, "grouped_per_s")?,
        writer_one_by_one: figure(&store, "one_by_one_per_s")?,
        insert_loop: bare("insert-loop", seconds, pinning)?,
        commit_loop: bare("commit-loop", seconds, pinning)?,
    })
}

/// Runs a loop of inserts on a fresh database.
fn bare(role: &str, seconds: u64, pinning: &Pinning) -> io::Result<f64> {
    let folder = tempfile::tempdir_in(disk::FOLDER)?;
    chat_cli::seed(folder.path(), ALONE.population(), &folder.path().join("tokens"))?;
    let mut command = limit(role, &folder, pinning)?;
    let output = chat_cli::finish(command.arg(format!("--seconds={seconds}")))?;
    String::from_utf8_lossy(&output).trim().parse().map_err(io::Error::other)
}
