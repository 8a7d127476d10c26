//! `bench history`: pages of a room's history at random places, each client waiting for one before it asks for the next.

use super::crowd::Crowd;
use super::fanout::CALMLY_AT_ONCE;
use super::figures::Reading;
use super::number::{count, float, per};
use super::stopwatch::seconds;
use super::summary::Summary;
use super::swarm::Acks;
use crate::args::bench::History;
use crate::error::CliError;
use crate::output::Report;

/// Bytes in the body of a message. None is sent.
const BODY_BYTES: u32 = 100;

/// Reads pages, and looks whether they were whole.
pub(super) fn run(request: &History, is_json: bool) -> Result<Report, CliError> {
    let (load, room, page) = (&request.load, request.room, request.page);
    let crowd = Crowd { load, rooms: room, body_bytes: BODY_BYTES, is_json };
    let seats: Vec<Vec<u32>> = (0..request.clients).map(|_| vec![room]).collect();
    let clients = seats.len();
    let mut swarm = crowd.gather(seats)?;
    swarm.watch.phase("joining");
    swarm.join(clients, CALMLY_AT_ONCE)?;

    swarm.watch.phase("warming up");
    swarm.begin_paging(page)?;
    swarm.run_for(seconds(request.warm_up.into()))?;
    swarm.watch.phase("measuring");
    let begin_ns = swarm.ledger.stopwatch.ns();
    let end_ns = begin_ns + seconds(request.seconds.into());
    swarm.ledger.timed = begin_ns..end_ns;
    let before = Reading::take(&swarm.ledger, load.server_pid);
    swarm.run_until(end_ns)?;
    let figures = Reading::take(&swarm.ledger, load.server_pid).since(&before);
    swarm.finish(Acks::None)?;

    let ledger = &swarm.ledger;
    let mut summary = Summary::new("history");
    summary
        .load(format!("pages of {page} messages in bench-{room}, at random places; clients: {clients}"))
        .field("room", room)
        .field("clients", request.clients)
        .field("page", page)
        .figure("seconds", figures.seconds)
        .field("pages", figures.pages)
        .per_second("pages", "pages_per_s", per(float(figures.pages), figures.seconds))
        .times("a page", "page_ms", &ledger.page_times)
        .cpu(&figures, "page", figures.pages)
        .field("short_pages", ledger.counts.short_pages);
    if ledger.counts.short_pages > 0 {
        let short = count(ledger.counts.short_pages);
        summary.warn(format!("{short} pages held fewer than {page} messages: they end at 128 KiB"));
    }
    Ok(summary.report())
}
