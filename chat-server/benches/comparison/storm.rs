//! Clients that all come at once: fresh targets, the storm, and the check that everybody got what they missed.

use std::io;

use crate::arguments::Arguments;
use crate::chat_cli::{self, figure, figure_if_told};
use crate::pinning::Pinning;
use crate::report;
use crate::shape::Storm;
use crate::target::Target;

/// The order within a round.
const TARGETS: [Target; 3] = [Target::ChatServer, Target::AcceptLoop, Target::UWebSockets];

/// A run and where it belongs.
pub(crate) struct Round {
    pub(crate) number: u64,
    pub(crate) storm: &'static Storm,
    pub(crate) target: Target,
    pub(crate) figures: Figures,
}

/// What a storm brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Until the last client was in all its rooms.
    pub(crate) seconds: f64,
    pub(crate) clients_per_s: f64,
    /// Microseconds of the target's CPU for each client.
    pub(crate) target_us_each: f64,
    /// How much of a CPU the target used; 1 is all of it.
    pub(crate) target_cpu: f64,
    /// How much of a CPU the generator used: near 1 it was the limit, not the target.
    pub(crate) generator_cpu: f64,
    /// How much of a CPU everybody else on the machine used: the more, the less the figures say.
    pub(crate) others_cpu: f64,
    /// How often a client was told to come again later.
    pub(crate) put_off: f64,
    /// Reads of the database for each client, where the target tells.
    pub(crate) reads_per_client: Option<f64>,
    /// Those of them that were of a room, for each room.
    pub(crate) room_reads_per_room: Option<f64>,
}

/// Lets the storms loose on every target in turn, round after round.
pub(crate) fn compare(arguments: &Arguments, pinning: &Pinning) -> io::Result<String> {
    let (storms, targets) = (arguments.storms(), arguments.targets(&TARGETS));
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        for &storm in &storms {
            for &target in targets.iter().filter(|&&target| can_serve(target, storm)) {
                let figures = run(target, storm, pinning)?;
                eprintln!(
                    "round {number}, {storm}, {target}: {:.3} s, {:.0} µs per client",
                    figures.seconds, figures.target_us_each
                );
                rounds.push(Round { number, storm, target, figures });
            }
        }
    }
    Ok(report::storm(&rounds, &storms, &targets))
}

/// Whether a target knows what the storm asks for: the other chat keeps no positions.
fn can_serve(target: Target, storm: &Storm) -> bool {
    !(storm.is_resume() && target == Target::UWebSockets)
}

fn run(target: Target, storm: &Storm, pinning: &Pinning) -> io::Result<Figures> {
    let more = match target {
        Target::AcceptLoop => vec![format!("--participants={}", storm.participants())],
        Target::UWebSockets => vec![storm.messages.to_string()],
        _ => Vec::new(),
    };
    let running = target.start(storm.population(), pinning, more)?;
    let document = chat_cli::load(&running.load("storm", &running.tokens(), storm.arguments()), pinning)?;
    let figure = |name| figure(&document, name);
    Ok(Figures {
        seconds: figure("seconds")?,
        clients_per_s: figure("clients_per_s")?,
        target_us_each: figure("server/cpu_us_each")?,
        target_cpu: figure("server/cpu")?,
        generator_cpu: figure("generator/cpu")?,
        others_cpu: figure("others_cpu")?,
        put_off: figure("put_off")?,
        reads_per_client: figure_if_told(&document, "store_reads_per_client"),
        room_reads_per_room: figure_if_told(&document, "room_reads_per_room"),
    })
}
