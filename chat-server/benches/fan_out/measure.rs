//! One run: a fresh target, a thousand clients, a pause, the load, and the check that nothing was lost.

use std::io;
use std::time::{Duration, Instant};

use crate::generator::Generator;
use crate::pinning::Pinning;
use crate::process::{cpu_s, machine_cpu_s, resident_kib};
use crate::shape::Shape;
use crate::target::Target;

/// Clients that join before the memory of the others is measured: the first ones fill the server's own caches.
const FIRST_CLIENTS: usize = 100;
/// How long the joined clients are left alone before the memory is read.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the load runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);

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
    /// The same for a second of the target's CPU.
    pub(crate) deliveries_per_cpu_s: f64,
    /// How much of a CPU the target used; 1 is all of it.
    pub(crate) target_cpu: f64,
    /// How much of a CPU the generator used: near 1 it was the limit, not the target.
    pub(crate) generator_cpu: f64,
    /// How much of a CPU everybody else on the machine used: the more, the less the figures say.
    pub(crate) other_cpu: f64,
    /// Messages that a read of a client's socket brought, on average.
    pub(crate) deliveries_per_read: f64,
    /// Clients that connected, signed in and joined, in a second.
    pub(crate) joins_per_s: f64,
    /// KiB of the target's memory for each idle joined client but the first ones.
    pub(crate) kib_per_client: f64,
}

/// Runs a target under a load for so many seconds.
pub(crate) fn run(
    target: Target,
    shape: &'static Shape,
    seconds: u64,
    pinning: &Pinning,
) -> io::Result<Figures> {
    let running = target.start(shape, pinning)?;
    let pid = running.pid();
    let mut generator = Generator::new(running.address, shape)?;
    generator.join(FIRST_CLIENTS)?;
    generator.run_for(PAUSE)?;
    let kib_before = resident_kib(pid)?;
    let joining = Instant::now();
    generator.join(shape.clients())?;
    let joining_s = joining.elapsed().as_secs_f64();
    generator.run_for(PAUSE)?;
    let kib_after = resident_kib(pid)?;

    generator.begin()?;
    generator.run_for(WARM_UP)?;
    let before = Reading::take(&generator, pid)?;
    generator.run_for(Duration::from_secs(seconds))?;
    let after = Reading::take(&generator, pid)?;
    generator.finish(target)?;

    let clients = (shape.clients() - FIRST_CLIENTS) as f64;
    Ok(Figures {
        joins_per_s: clients / joining_s,
        kib_per_client: (kib_after - kib_before) / clients,
        ..after.since(&before)
    })
}

/// The counters at a moment.
struct Reading {
    at: Instant,
    deliveries: u64,
    reads: u64,
    target_cpu_s: f64,
    generator_cpu_s: f64,
    machine_cpu_s: f64,
}

impl Reading {
    fn take(generator: &Generator, pid: u32) -> io::Result<Self> {
        let counts = generator.counts();
        Ok(Self {
            at: Instant::now(),
            deliveries: counts.deliveries,
            reads: counts.reads,
            target_cpu_s: cpu_s(pid)?,
            generator_cpu_s: cpu_s(std::process::id())?,
            machine_cpu_s: machine_cpu_s()?,
        })
    }

    fn since(&self, before: &Self) -> Figures {
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        let deliveries = (self.deliveries - before.deliveries) as f64;
        let target_cpu_s = self.target_cpu_s - before.target_cpu_s;
        let generator_cpu_s = self.generator_cpu_s - before.generator_cpu_s;
        let other_cpu_s = self.machine_cpu_s - before.machine_cpu_s - target_cpu_s - generator_cpu_s;
        Figures {
            deliveries_per_s: deliveries / seconds,
            deliveries_per_cpu_s: deliveries / target_cpu_s,
            target_cpu: target_cpu_s / seconds,
            generator_cpu: generator_cpu_s / seconds,
            other_cpu: other_cpu_s.max(0.0) / seconds,
            deliveries_per_read: deliveries / (self.reads - before.reads) as f64,
            joins_per_s: 0.0,
            kib_per_client: 0.0,
        }
    }
}
