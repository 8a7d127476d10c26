//! What a stretch of a load brought: the counts and the CPU at its end less those at its beginning.

use super::ledger::{Counts, Ledger};
use super::number::{per, ratio};
use super::process;
use super::stopwatch::SECOND_NS;

/// The counts and the CPU at a moment.
pub(super) struct Reading {
    at_ns: u64,
    counts: Counts,
    own_cpu_s: f64,
    server_cpu_s: Option<f64>,
    machine_cpu_s: Option<f64>,
}

/// What lies between two readings.
pub(super) struct Figures {
    pub(super) seconds: f64,
    pub(super) sent: u64,
    pub(super) acks: u64,
    pub(super) deliveries: u64,
    pub(super) reads: u64,
    pub(super) pings: u64,
    pub(super) pages: u64,
    /// How much of a core the generator used; near 1 it was the limit, not the server.
    pub(super) own_cpu: f64,
    /// How many cores the server used, where its process is known.
    pub(super) server_cpu: Option<f64>,
    /// How many cores everybody else on this machine used, where the server is here: the more, the less the figures say.
    pub(super) others_cpu: Option<f64>,
}

impl Reading {
    /// Reads the counts now.
    pub(super) fn take(ledger: &Ledger, server_pid: Option<u32>) -> Self {
        Self {
            at_ns: ledger.stopwatch.ns(),
            counts: ledger.counts,
            own_cpu_s: process::own_cpu_s(),
            server_cpu_s: server_pid.and_then(process::cpu_s),
            machine_cpu_s: process::machine_cpu_s(),
        }
    }

    /// What came since an earlier reading.
    pub(super) fn since(&self, before: &Self) -> Figures {
        let seconds = ratio(self.at_ns.saturating_sub(before.at_ns), SECOND_NS);
        let own_cpu_s = self.own_cpu_s - before.own_cpu_s;
        let server_cpu_s = difference(self.server_cpu_s, before.server_cpu_s);
        let others_cpu_s = server_cpu_s
            .zip(difference(self.machine_cpu_s, before.machine_cpu_s))
            .map(|(server, machine)| (machine - server - own_cpu_s).max(0.0));
        let (now, then) = (self.counts, before.counts);
        Figures {
            seconds,
            sent: now.sent - then.sent,
            acks: now.acks - then.acks,
            deliveries: now.deliveries - then.deliveries,
            reads: now.reads - then.reads,
            pings: now.pings - then.pings,
            pages: now.pages - then.pages,
            own_cpu: per(own_cpu_s, seconds),
            server_cpu: server_cpu_s.map(|cpu_s| per(cpu_s, seconds)),
            others_cpu: others_cpu_s.map(|cpu_s| per(cpu_s, seconds)),
        }
    }
}

fn difference(now: Option<f64>, then: Option<f64>) -> Option<f64> {
    now.zip(then).map(|(now, then)| now - then)
}
