//! `bench fanout`: a closed loop at saturation.

use super::crowd::Crowd;
use super::figures::Reading;
use super::number::{float, per};
use super::shape::Shape;
use super::stopwatch::seconds;
use super::summary::Summary;
use super::swarm::Acks;
use crate::args::bench::Fanout;
use crate::error::CliError;
use crate::output::Report;

/// Clients that join at the same time before the load begins.
pub(super) const CALMLY_AT_ONCE: usize = 64;

/// Runs the load, and checks that every message came to everybody, once.
pub(super) fn run(request: &Fanout, is_json: bool) -> Result<Report, CliError> {
    let shape = Shape::of(request)?;
    let (load, measure) = (&request.load, &request.measure);
    let seats = shape.seats();
    let clients = seats.len();
    let crowd = Crowd { load, rooms: shape.rooms, body_bytes: measure.body_bytes, is_json };
    let mut swarm = crowd.gather(seats)?;
    swarm.watch.phase("joining");
    let joining_ns = swarm.ledger.stopwatch.ns();
    swarm.join(clients, CALMLY_AT_ONCE)?;
    let joined_s = float(swarm.ledger.stopwatch.ns() - joining_ns) / 1e9;

    swarm.watch.phase("warming up");
    swarm.begin(shape.sending_clients(), shape.window.into(), u64::MAX)?;
    swarm.run_for(seconds(measure.warm_up.into()))?;
    swarm.watch.phase("measuring");
    let begin_ns = swarm.ledger.stopwatch.ns();
    let end_ns = begin_ns + seconds(measure.seconds.into());
    swarm.ledger.timed = begin_ns..end_ns;
    let before = Reading::take(&swarm.ledger, load.server_pid);
    swarm.run_until(end_ns)?;
    let after = Reading::take(&swarm.ledger, load.server_pid);
    swarm.watch.phase("waiting for what is under way");
    swarm.finish(if request.without_acks { Acks::None } else { Acks::Each })?;

    let (figures, ledger) = (after.since(&before), &swarm.ledger);
    let Shape { rooms, members, senders, window } = shape;
    let per_s = |times: u64| per(float(times), figures.seconds);
    let mut summary = Summary::new("fanout");
    summary
        .load(format!(
            "{rooms} × {members} clients; senders in each room: {senders}, messages under way: {window} each"
        ))
        .field("rooms", rooms)
        .field("members", members)
        .field("senders", senders)
        .field("window", window)
        .field("body_bytes", measure.body_bytes)
        .figure("seconds", figures.seconds)
        .per_second("deliveries", "deliveries_per_s", per_s(figures.deliveries))
        .per_second("acks", "acks_per_s", per_s(figures.acks))
        .times("to each member", "delivery_ms", &ledger.deliveries)
        .times("to the ack", "ack_ms", &ledger.acks)
        .cpu(&figures, "delivery", figures.deliveries)
        .coalescing(&figures)
        .per_second("connects and joins", "joins_per_s", per(float(ledger.joins.len()), joined_s))
        .checked(&ledger.counts);
    Ok(summary.report())
}
