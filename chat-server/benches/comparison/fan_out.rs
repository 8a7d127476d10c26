//! Deliveries at saturation: fresh targets, a thousand clients, the load, and the check that nothing was lost.

use std::io;

use crate::arguments::Arguments;
use crate::chat_cli::{self, figure};
use crate::pinning::Pinning;
use crate::report;
use crate::shape::Shape;
use crate::target::Target;

/// The order within a round.
const TARGETS: [Target; 6] = [
    Target::ChatServer,
    Target::BareLoopPerCommit,
    Target::BareLoop,
    Target::BareLoopPerTurn,
    Target::UWebSockets,
    Target::UWebSocketsFull,
];

/// A run and where it belongs.
pub(crate) struct Round {
    pub(crate) number: u64,
    pub(crate) shape: &'static Shape,
    pub(crate) target: Target,
    pub(crate) figures: Figures,
}

/// What a run brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// `new_message` frames that all clients received, in a second.
    pub(crate) deliveries_per_s: f64,
    /// Microseconds of the target's CPU for each of them.
    pub(crate) target_us_each: f64,
    /// How much of a CPU the target used; 1 is all of it.
    pub(crate) target_cpu: f64,
    /// Microseconds of the generator's CPU for each delivery.
    pub(crate) generator_us_each: f64,
    /// How much of a CPU the generator used: near 1 it was the limit, not the target.
    pub(crate) generator_cpu: f64,
    /// How much of a CPU everybody else on the machine used: the more, the less the figures say.
    pub(crate) others_cpu: f64,
    /// Messages that a read of a client's socket brought, on average.
    pub(crate) deliveries_per_read: f64,
    /// Clients that connected, signed in and joined, in a second.
    pub(crate) joins_per_s: f64,
}

/// Runs every target with every shape in turn, round after round, so that all of them share the machine's moods.
pub(crate) fn compare(arguments: &Arguments, pinning: &Pinning) -> io::Result<String> {
    let (shapes, targets) = (arguments.shapes(), arguments.targets(&TARGETS));
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        for &shape in &shapes {
            for &target in &targets {
                let figures = run(target, shape, arguments.seconds, pinning)?;
                eprintln!(
                    "round {number}, {shape}, {target}: {:.0} deliveries/s, generator {:.0} % busy",
                    figures.deliveries_per_s,
                    figures.generator_cpu * 100.0
                );
                rounds.push(Round { number, shape, target, figures });
            }
        }
    }
    Ok(report::fan_out(&rounds, &shapes, &targets))
}

/// Runs a target under a load for so many seconds.
pub(crate) fn run(target: Target, shape: &Shape, seconds: u64, pinning: &Pinning) -> io::Result<Figures> {
    let running = target.start(shape.population(), pinning, Vec::new())?;
    let load = running.load("fanout", &running.tokens(), shape.arguments(seconds));
    let document = chat_cli::load(&load, pinning)?;
    let figure = |name| figure(&document, name);
    Ok(Figures {
        deliveries_per_s: figure("deliveries_per_s")?,
        target_us_each: figure("server/cpu_us_each")?,
        target_cpu: figure("server/cpu")?,
        generator_us_each: figure("generator/cpu_us_each")?,
        generator_cpu: figure("generator/cpu")?,
        others_cpu: figure("others_cpu")?,
        deliveries_per_read: figure("deliveries_per_read")?,
        joins_per_s: figure("joins_per_s")?,
    })
}
