//! `bench idle`: connections that do nothing, and what each of them costs the server.

use serde_json::Value;

use super::crowd::Crowd;
use super::fanout::CALMLY_AT_ONCE;
use super::figures::{Figures, Reading};
use super::number::{count, float, per, rounded};
use super::process::resident_kib;
use super::shape::Shape;
use super::stopwatch::seconds;
use super::summary::Summary;
use super::swarm::{Acks, Swarm};
use crate::args::bench::Idle;
use crate::error::CliError;
use crate::output::Report;

/// Bytes in the body of a burst's messages.
const BODY_BYTES: u32 = 100;
/// Messages of a burst that are under way in a room.
const WINDOW: u64 = 8;

/// Opens the connections, holds them, and looks at the server's process meanwhile.
pub(super) fn run(request: &Idle, is_json: bool) -> Result<Report, CliError> {
    let (load, connections, base) = (&request.load, request.connections, request.base);
    if base >= connections {
        let what = format!("{base} connections to begin with are not fewer than {connections} in the end");
        return Err(CliError::usage(what, "take a lower --base or more --connections"));
    }
    let rooms = connections.div_ceil(request.members);
    let shape = Shape { rooms, members: request.members, senders: 1, window: 1 };
    let mut seats = shape.seats();
    seats.truncate(usize_of(connections));
    let crowd = Crowd { load, rooms, body_bytes: BODY_BYTES, is_json };
    let mut swarm = crowd.gather(seats)?;
    let memory = || load.server_pid.and_then(resident_kib);
    let settle_ns = seconds(request.settle.into());

    swarm.watch.phase("joining");
    swarm.join(usize_of(base), CALMLY_AT_ONCE)?;
    // What a burst leaves in the server's own caches is not to be counted as the connections': as many messages.
    let in_fewer_rooms = u64::from(request.burst) * u64::from(connections) / u64::from(base.max(1));
    burst(request, &shape, (base, in_fewer_rooms), &mut swarm)?;
    swarm.run_for(settle_ns)?;
    let first_kib = memory();
    swarm.watch.phase("joining");
    let joining_ns = swarm.ledger.stopwatch.ns();
    swarm.join(usize_of(connections), CALMLY_AT_ONCE)?;
    let joined_s = float(swarm.ledger.stopwatch.ns() - joining_ns) / 1e9;
    swarm.run_for(settle_ns)?;
    let last_kib = memory();
    swarm.watch.phase("holding");
    let before = Reading::take(&swarm.ledger, load.server_pid);
    swarm.run_for(seconds(request.seconds.into()))?;
    let held = Reading::take(&swarm.ledger, load.server_pid).since(&before);
    let all = (connections, request.burst.into());
    let burst_kib = burst(request, &shape, all, &mut swarm)?.then(memory).flatten();

    let added = connections - base;
    let of_each = |kib: u32| (f64::from(kib) - f64::from(first_kib.unwrap_or(kib))) / f64::from(added);
    let mut summary = Summary::new("idle");
    summary
        .load(format!("{} connections in {rooms} rooms of {}", count(connections.into()), request.members))
        .field("connections", connections)
        .field("base", base)
        .field("rooms", rooms)
        .field("members", request.members)
        .per_second("connects and joins", "joins_per_s", per(f64::from(added), joined_s))
        .field("server_kib_at_base", first_kib)
        .field("server_kib", last_kib)
        .field("kib_per_connection", last_kib.map(|kib| rounded(of_each(kib))))
        .field("kib_per_connection_after_burst", burst_kib.map(|kib| rounded(of_each(kib))));
    if let Some(kib) = last_kib {
        let from_to = format!("{:.2} KiB (from {base} to {connections} connections)", of_each(kib));
        summary.row("memory per connection", from_to);
        summary.row("server's memory", format!("{} KiB", count(kib.into())));
    }
    if let Some(kib) = burst_kib {
        let text =
            format!("{:.2} KiB, {} s after {} messages", of_each(kib), request.after_burst, request.burst);
        summary.row("memory per connection after a burst", text);
    }
    hold(&held, connections, &mut summary);
    if load.server_pid.is_none() {
        summary.warn("without --server-pid nothing is known of the server's memory and CPU".to_owned());
    }
    if request.burst > 0 {
        summary.checked(&swarm.ledger.counts);
    }
    Ok(summary.report())
}

/// What holding the connections cost.
fn hold(held: &Figures, connections: u32, summary: &mut Summary) {
    let of_each = |cpu: f64| cpu * 1e6 / f64::from(connections);
    let generator = of_each(held.own_cpu);
    summary
        .row("held", format!("{:.0} s, {} pings", held.seconds, count(held.pings)))
        .figure("seconds", held.seconds)
        .field("pings", held.pings);
    if let Some(server) = held.server_cpu {
        summary.row("server CPU per connection", format!("{:.2} µs/s", of_each(server)));
    }
    summary.row("generator CPU per connection", format!("{generator:.2} µs/s"));
    let server = held.server_cpu.map_or(Value::Null, |cpu| rounded(of_each(cpu)).into());
    summary.field("server_cpu_us_per_s", server).figure("generator_cpu_us_per_s", generator);
}

/// Sends messages to everybody who has joined, and waits, if that is asked for. Whether it is.
fn burst(
    request: &Idle,
    shape: &Shape,
    (joined, messages): (u32, u64),
    swarm: &mut Swarm,
) -> Result<bool, CliError> {
    if messages == 0 {
        return Ok(false);
    }
    swarm.watch.phase("sending to all");
    let senders = shape.sending_clients().into_iter().filter(|&client| client < usize_of(joined));
    swarm.begin(senders, WINDOW, messages)?;
    swarm.settle(Acks::Each)?;
    swarm.watch.phase("waiting after the burst");
    swarm.run_for(seconds(request.after_burst.into()))?;
    Ok(true)
}

fn usize_of(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
