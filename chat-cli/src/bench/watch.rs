//! The line that says every second how far a load is.

use super::ledger::Counts;
use super::number::{count, float, grouped, per, percent, ratio};
use super::process::{cpu_s, own_cpu_s};
use super::stopwatch::{SECOND_NS, seconds};
use crate::output::ProgressLine;

/// Looks at the counts once a second, and shows them.
pub(super) struct Watch {
    line: ProgressLine,
    server_pid: Option<u32>,
    phase: String,
    last: Seen,
}

/// What was seen a second ago.
struct Seen {
    at_ns: u64,
    deliveries: u64,
    own_cpu_s: f64,
    server_cpu_s: f64,
}

impl Seen {
    fn now(at_ns: u64, deliveries: u64, server_pid: Option<u32>) -> Self {
        let server_cpu_s = server_pid.and_then(cpu_s).unwrap_or(0.0);
        Self { at_ns, deliveries, own_cpu_s: own_cpu_s(), server_cpu_s }
    }
}

impl Watch {
    pub(super) fn new(line: ProgressLine, server_pid: Option<u32>) -> Self {
        let last = Seen::now(0, 0, server_pid);
        Self { line, server_pid, phase: String::new(), last }
    }

    /// What is being done now.
    pub(super) fn phase(&mut self, phase: impl Into<String>) {
        self.phase = phase.into();
    }

    /// Shows how far it is, if a second has passed.
    pub(super) fn look(&mut self, now_ns: u64, counts: &Counts) {
        if now_ns < self.last.at_ns.saturating_add(seconds(1)) || !self.line.is_shown() {
            return;
        }
        let seen = Seen::now(now_ns, counts.deliveries, self.server_pid);
        let passed_s = ratio(seen.at_ns - self.last.at_ns, SECOND_NS);
        let deliveries = seen.deliveries.saturating_sub(self.last.deliveries);
        let share = |cpu_s: f64, last_cpu_s: f64| percent(per(cpu_s - last_cpu_s, passed_s));
        let mut text = format!("{}: {} clients", self.phase, count(counts.joined));
        if deliveries > 0 {
            text += &format!(", {} deliveries/s", grouped(per(float(deliveries), passed_s)));
        }
        text += &format!(", generator {}", share(seen.own_cpu_s, self.last.own_cpu_s));
        if self.server_pid.is_some() {
            text += &format!(", server {}", share(seen.server_cpu_s, self.last.server_cpu_s));
        }
        self.line.tell(&text);
        self.last = seen;
    }
}
