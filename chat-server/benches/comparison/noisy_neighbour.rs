//! What a saturated room of 1,000 costs a room of 2 that says little: its messages' times with and without the other.

mod saturation;

use std::io;
use std::path::PathBuf;

use crate::arguments::Arguments;
use crate::chat_cli;
use crate::open_loop::{Figures, OpenLoop};
use crate::pinning::Pinning;
use crate::report;
use crate::shape::{LARGE, Population};
use crate::target::{Running, Target};
use saturation::Saturation;

/// The room that says little, which is the second one.
const SMALL: OpenLoop =
    OpenLoop { messages_per_s: 50, rooms: 1, members: 2, first_room: 2, stalled_every: None, warm_up_s: 1 };
/// Everybody in both.
const POPULATION: Population = Population { people: 1_002, rooms: 2 };

/// The server, and what is inherent: whoever commits in groups and writes to a thousand sockets does nothing else
/// meanwhile, on one CPU.
const TARGETS: [Target; 2] = [Target::ChatServer, Target::BareLoopPerCommit];

/// What the room of 2 had.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbour {
    pub(crate) alone: Figures,
    pub(crate) beside: Figures,
    /// Deliveries in a second to the room of 1,000 meanwhile.
    pub(crate) large_deliveries_per_s: f64,
}

/// What each target brought in a round.
pub(crate) type Round = Vec<(Target, Neighbour)>;

/// Runs every target with and without the saturated room, round after round.
pub(crate) fn compare(arguments: &Arguments, pinning: &Pinning) -> io::Result<String> {
    let targets = arguments.targets(&TARGETS);
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        let mut round = Round::new();
        for &target in &targets {
            let neighbour = run(target, arguments.seconds, pinning)?;
            let (alone_ms, beside_ms) = (neighbour.alone.p99_ms, neighbour.beside.p99_ms);
            eprintln!("round {number}, {target}: p99 {alone_ms:.2} ms alone, {beside_ms:.2} ms beside");
            round.push((target, neighbour));
        }
        rounds.push(round);
    }
    Ok(report::noisy_neighbour(&rounds, &targets))
}

fn run(target: Target, seconds: u64, pinning: &Pinning) -> io::Result<Neighbour> {
    let alone = small(&target.start(POPULATION, pinning, Vec::new())?, seconds, pinning)?;
    let running = target.start(POPULATION, pinning, Vec::new())?;
    let saturation = Saturation::begin(&running, &LARGE, seconds, pinning)?;
    let beside = small(&running, seconds, pinning)?;
    Ok(Neighbour { alone, beside, large_deliveries_per_s: saturation.end()? })
}

/// Runs the room of 2, ahead of what else the generator's CPU has to do: it shall not wait for the other generator.
fn small(running: &Running, seconds: u64, pinning: &Pinning) -> io::Result<Figures> {
    let load = running.load("rate", &tokens_of_small(running)?, SMALL.arguments(seconds));
    Figures::read(&chat_cli::urgent_load(&load, pinning)?)
}

/// The file of the tokens of the last people: the first ones are in the large room.
fn tokens_of_small(running: &Running) -> io::Result<PathBuf> {
    let all = std::fs::read_to_string(running.tokens())?;
    let path = running.tokens().with_extension("small");
    let of_small: Vec<&str> = all.lines().skip(LARGE.clients()).collect();
    std::fs::write(&path, of_small.join("\n"))?;
    Ok(path)
}
