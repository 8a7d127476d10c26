//! One run: a fresh target, a thousand clients, the load, and the check that nothing was lost.

use std::io;

use serde_json::Value;

use crate::chat_cli;
use crate::pinning::Pinning;
use crate::shape::Shape;
use crate::target::Target;

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

/// Runs a target under a load for so many seconds.
pub(crate) fn run(
    target: Target,
    shape: &'static Shape,
    seconds: u64,
    pinning: &Pinning,
) -> io::Result<Figures> {
    let running = target.start(shape, pinning)?;
    let document = chat_cli::fan_out(&mut running.load(shape, seconds), pinning)?;
    let figure = |value: &Value, name: &str| {
        let text = || io::Error::other(format!("the load says nothing of {name}: {document}"));
        value[name].as_f64().ok_or_else(text)
    };
    let (server, generator) = (&document["server"], &document["generator"]);
    Ok(Figures {
        deliveries_per_s: figure(&document, "deliveries_per_s")?,
        target_us_each: figure(server, "cpu_us_each")?,
        target_cpu: figure(server, "cpu")?,
        generator_us_each: figure(generator, "cpu_us_each")?,
        generator_cpu: figure(generator, "cpu")?,
        others_cpu: figure(&document, "others_cpu")?,
        deliveries_per_read: figure(&document, "deliveries_per_read")?,
        joins_per_s: figure(&document, "joins_per_s")?,
    })
}
