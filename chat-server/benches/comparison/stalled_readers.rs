//! What clients that never read cost those that do: the same rate with and without them, on the server.

use std::io;

use crate::arguments::Arguments;
use crate::chat_cli::{self, figure};
use crate::open_loop::{Figures, OpenLoop};
use crate::pinning::Pinning;
use crate::rate::{OPEN_LOOP, POPULATION};
use crate::report;
use crate::target::Target;

/// One client in so many stalls: the last one in each room.
const STALLED_EVERY: usize = 100;
/// Seconds until what comes to a client that doesn't read waits in the server: some 420 KiB fit into both its sockets.
const WARM_UP_S: usize = 25;

/// What a round brought.
pub(crate) struct Round {
    /// Everybody reads.
    pub(crate) without: Figures,
    /// Of those who read, beside those who don't.
    pub(crate) with: Figures,
    /// Clients of those who don't that the server had closed in the end.
    pub(crate) closed: f64,
}

/// Runs the server with and without them, round after round; which of the two goes first changes.
pub(crate) fn compare(arguments: &Arguments, pinning: &Pinning) -> io::Result<String> {
    let everybody_reads = OpenLoop { warm_up_s: WARM_UP_S, ..OPEN_LOOP };
    let some_stall = OpenLoop { stalled_every: Some(STALLED_EVERY), ..everybody_reads };
    let run = |open_loop: &OpenLoop| {
        let running = Target::ChatServer.start(POPULATION, pinning, Vec::new())?;
        let load = running.load("rate", &running.tokens(), open_loop.arguments(arguments.seconds));
        chat_cli::urgent_load(&load, pinning)
    };
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let (without, with) = if number.is_multiple_of(2) {
            let with = run(&some_stall)?;
            (run(&everybody_reads)?, with)
        } else {
            (run(&everybody_reads)?, run(&some_stall)?)
        };
        let closed = figure(&with, "stalled_closed")?;
        let round = Round { without: Figures::read(&without)?, with: Figures::read(&with)?, closed };
        let (without_ms, with_ms) = (round.without.p99_ms, round.with.p99_ms);
        eprintln!("round {number}: p99 {without_ms:.2} ms without, {with_ms:.2} ms with; closed: {closed}");
        rounds.push(round);
    }
    Ok(report::stalled_readers(&rounds))
}
