//! How long messages take, and what they cost, at a rate that leaves everybody time.

use std::io;

use crate::arguments::Arguments;
use crate::chat_cli;
use crate::open_loop::{Figures, OpenLoop};
use crate::pinning::Pinning;
use crate::report;
use crate::shape::Population;
use crate::target::Target;

/// 50,000 deliveries a second to a thousand clients.
pub(crate) const OPEN_LOOP: OpenLoop = OpenLoop {
    messages_per_s: 500,
    rooms: 10,
    members: 100,
    first_room: 1,
    stalled_every: None,
    warm_up_s: 1,
};
/// The clients' people and rooms.
pub(crate) const POPULATION: Population = Population { people: 1_000, rooms: 10 };

/// The order within a round. A write per turn is one per delivery at this rate.
const TARGETS: [Target; 5] = [
    Target::ChatServer,
    Target::BareLoopPerCommit,
    Target::BareLoop,
    Target::UWebSockets,
    Target::UWebSocketsFull,
];

/// What each target brought in a round.
pub(crate) type Round = Vec<(Target, Figures)>;

/// Runs every target in turn, round after round.
pub(crate) fn compare(arguments: &Arguments, pinning: &Pinning) -> io::Result<String> {
    let targets = arguments.targets(&TARGETS);
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let mut round = Round::new();
        for &target in &targets {
            let figures = run(target, arguments.seconds, pinning)?;
            let Figures { p50_ms, p99_ms, .. } = figures;
            eprintln!("round {number}, {target}: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms");
            round.push((target, figures));
        }
        rounds.push(round);
    }
    Ok(report::rate(&rounds, &targets))
}

fn run(target: Target, seconds: u64, pinning: &Pinning) -> io::Result<Figures> {
    let running = target.start(POPULATION, pinning, Vec::new())?;
    let load = running.load("rate", &running.tokens(), OPEN_LOOP.arguments(seconds));
    Figures::read(&chat_cli::urgent_load(&load, pinning)?)
}
