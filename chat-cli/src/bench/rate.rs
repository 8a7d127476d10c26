//! `bench rate`: an open loop. A message's time counts from when it was due, whatever held it up.

use super::crowd::Crowd;
use super::fanout::CALMLY_AT_ONCE;
use super::figures::{Figures, Reading};
use super::ledger::Ledger;
use super::number::{float, ms, per};
use super::pacer::Pacer;
use super::shape::Shape;
use super::stopwatch::{SECOND_NS, seconds};
use super::summary::Summary;
use super::swarm::{Acks, Swarm};
use crate::args::bench::Rate;
use crate::error::CliError;
use crate::output::Report;

/// How long one wait for events may take, in nanoseconds.
const TURN_NS: u64 = 20_000_000;
/// The generator's own delay, in milliseconds, from which on its figures are doubtful.
const DELAY_MS_MAX: f64 = 1.0;

/// Runs the load, and checks that every message came to everybody who reads, once.
pub(super) fn run(request: &Rate, is_json: bool) -> Result<Report, CliError> {
    let (load, measure) = (&request.load, &request.measure);
    let (rooms, members) = (request.rooms, request.members);
    // Everybody sends, so that nobody sends much.
    let shape = Shape { rooms, members, senders: members, window: 1 };
    let seats = shape.seats_from(request.first_room);
    let clients = seats.len();
    let last_room = request.first_room + rooms - 1;
    let crowd = Crowd { load, rooms: last_room, body_bytes: measure.body_bytes, is_json };
    let mut swarm = crowd.gather(seats)?;
    swarm.watch.phase("joining");
    swarm.join(clients, CALMLY_AT_ONCE)?;
    let (stalled, senders) = shape.sending_clients().into_iter().partition(|&number| stalls(number, request));
    let stalled: Vec<usize> = stalled;
    swarm.stall(stalled.iter().copied())?;

    let figures = drive(request, senders, &mut swarm)?;
    let mut summary = Summary::new("rate");
    summarise(request, &figures, &swarm.ledger, &mut summary);
    if request.stalled_every.is_some() {
        let closed = stalled.len() - swarm.held()?;
        summary
            .row("stalled clients", format!("{}; the server has closed {closed}", stalled.len()))
            .field("stalled", stalled.len())
            .field("stalled_closed", closed);
    }
    Ok(summary.report())
}

/// Whether a client stalls: the last one of each so many.
fn stalls(number: usize, request: &Rate) -> bool {
    let every = request.stalled_every.and_then(|every| usize::try_from(every).ok());
    every.is_some_and(|every| (number + 1).is_multiple_of(every))
}

/// Lets the senders take turns, measures meanwhile, and waits for what is under way in the end.
fn drive(request: &Rate, senders: Vec<usize>, swarm: &mut Swarm) -> Result<Figures, CliError> {
    let (measure, server_pid) = (&request.measure, request.load.server_pid);
    let pacer = Pacer::new(swarm.registry())?;
    swarm.watch.phase("warming up");
    let start_ns = swarm.ledger.stopwatch.ns();
    let begin_ns = start_ns + seconds(measure.warm_up.into());
    let end_ns = begin_ns + seconds(measure.seconds.into());
    swarm.ledger.timed = begin_ns..end_ns;
    let mut schedule = Schedule { start_ns, per_second: request.per_second.into(), sent: 0, senders, pacer };
    schedule.send_until(begin_ns, swarm)?;
    swarm.watch.phase("measuring");
    let before = Reading::take(&swarm.ledger, server_pid);
    schedule.send_until(end_ns, swarm)?;
    let after = Reading::take(&swarm.ledger, server_pid);
    swarm.watch.phase("waiting for what is under way");
    swarm.finish(if request.without_acks { Acks::None } else { Acks::Each })?;
    Ok(after.since(&before))
}

/// What came of it.
fn summarise(request: &Rate, figures: &Figures, ledger: &Ledger, summary: &mut Summary) {
    let Rate { per_second, rooms, members, .. } = *request;
    let per_s = |times: u64| per(float(times), figures.seconds);
    summary
        .load(format!("{per_second} messages/s into {rooms} rooms of {members}; everybody sends in turn"))
        .field("messages_due_per_s", per_second)
        .field("rooms", rooms)
        .field("members", members)
        .field("body_bytes", request.measure.body_bytes)
        .figure("seconds", figures.seconds)
        .per_second("messages", "messages_per_s", per_s(figures.sent))
        .per_second("deliveries", "deliveries_per_s", per_s(figures.deliveries))
        .times("from due to each member", "delivery_ms", &ledger.deliveries)
        .times("from due to the ack", "ack_ms", &ledger.acks)
        .times("of that in the generator, before the write", "delay_ms", &ledger.delays)
        .cpu(figures, "delivery", figures.deliveries)
        .coalescing(figures)
        .checked(&ledger.counts);
    let delay_ms = ms(ledger.delays.value_at_quantile(0.99));
    if delay_ms > DELAY_MS_MAX {
        summary.warn(format!(
            "the generator wrote messages up to {delay_ms:.1} ms late (p99): its own delay is part of the times"
        ));
    }
}

/// When which client sends: messages are due at equal distances, in each room in turn.
struct Schedule {
    start_ns: u64,
    per_second: u64,
    sent: u64,
    senders: Vec<usize>,
    pacer: Pacer,
}

impl Schedule {
    /// Sends what is due, and reads, until some time.
    fn send_until(&mut self, end_ns: u64, swarm: &mut Swarm) -> Result<(), CliError> {
        loop {
            swarm.ledger.look_at_clock();
            let now_ns = swarm.ledger.now_ns;
            while self.due_ns() <= now_ns.min(end_ns.saturating_sub(1)) {
                if let Some(&sender) = self.senders.get(self.turn()) {
                    swarm.send(sender, self.due_ns())?;
                }
                self.sent += 1;
            }
            if now_ns >= end_ns {
                return Ok(());
            }
            self.pacer.wake_in(self.due_ns().saturating_sub(now_ns))?;
            swarm.turn(TURN_NS)?;
        }
    }

    /// When the next message is due.
    fn due_ns(&self) -> u64 {
        self.start_ns.saturating_add(due_after_ns(self.sent, self.per_second))
    }

    /// Whose turn it is.
    fn turn(&self) -> usize {
        let senders = u64::try_from(self.senders.len()).unwrap_or(u64::MAX);
        usize::try_from(self.sent.checked_rem(senders).unwrap_or(0)).unwrap_or(0)
    }
}

/// How long after the beginning a message is due, by its number.
fn due_after_ns(number: u64, per_second: u64) -> u64 {
    let after_ns = u128::from(number) * u128::from(SECOND_NS) / u128::from(per_second.max(1));
    u64::try_from(after_ns).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_at_equal_distances_without_drift() {
        assert_eq!([0, 1, 500].map(|number| due_after_ns(number, 500)), [0, 2_000_000, SECOND_NS]);
        assert_eq!(due_after_ns(3_000_000, 3), 1_000_000 * SECOND_NS);
    }
}
