//! `bench storm`: many clients join at once, or come back at once and resume.

use serde_json::Value;

use super::crowd::Crowd;
use super::fanout::CALMLY_AT_ONCE;
use super::figures::Reading;
use super::ledger::Counts;
use super::metrics::{self, StoreReads};
use super::number::{count, float, per, ratio};
use super::stopwatch::{SECOND_NS, seconds};
use super::summary::Summary;
use super::swarm::{Acks, Memory, Swarm};
use crate::args::bench::Storm;
use crate::error::CliError;
use crate::output::Report;

/// Bytes in the bodies of the messages.
const BODY_BYTES: u32 = 100;
/// Messages under way in a room while it is filled.
const WINDOW: u64 = 8;
/// How long the server is left alone between the parting of the clients and their storm, in nanoseconds.
const APART_NS: u64 = seconds(1);

/// Prepares rooms and members, lets all of them come at once, and checks that everybody got what they missed.
pub(super) fn run(request: &Storm, is_json: bool) -> Result<Report, CliError> {
    let (load, clients, rooms) = (&request.load, request.clients, request.rooms);
    let rooms_each = if request.resume { request.rooms_each } else { 1 };
    if rooms_each > rooms {
        let what = format!("{rooms} rooms are too few for {rooms_each} of them each");
        return Err(CliError::usage(what, "take more --rooms"));
    }
    let seats = |client: u32| (0..rooms_each).map(|more| (client + more) % rooms + 1).collect();
    let crowd = Crowd { load, rooms, body_bytes: BODY_BYTES, is_json };
    let mut swarm = crowd.gather((0..clients).map(seats).collect())?;
    let all = usize::try_from(clients).unwrap_or(usize::MAX);

    // Everybody becomes a member once, so that the storm is one of reads, as after a restart.
    swarm.watch.phase("becoming members");
    swarm.join(all, CALMLY_AT_ONCE)?;
    swarm.part(if request.resume { Memory::Kept } else { Memory::Lost });
    let each = if request.resume { request.missed } else { request.history };
    let mut writers = crowd.gather((1..=rooms).map(|room| vec![room]).collect())?;
    let acks = if request.without_acks { Acks::None } else { Acks::Each };
    fill(&mut writers, rooms, each.into(), acks)?;
    swarm.watch.phase("apart");
    swarm.run_for(APART_NS)?;

    swarm.watch.phase("storming");
    // The whole page of a joining client, or exactly what a resuming one missed.
    swarm.ledger.history_wanted = Some(each.into());
    let at_once = request.at_once.map_or(all, |at_once| usize::try_from(at_once).unwrap_or(all));
    let reads_before = swarm.store_reads();
    let before = Reading::take(&swarm.ledger, load.server_pid);
    swarm.join(all, at_once)?;
    let figures = Reading::take(&swarm.ledger, load.server_pid).since(&before);
    let reads = swarm.store_reads().zip(reads_before).map(|(now, before)| metrics::since(now, &before));

    let ledger = &swarm.ledger;
    let seconds = ratio(ledger.joins.max(), SECOND_NS);
    let what = if request.resume {
        format!("resume {rooms_each} rooms with {each} missed messages")
    } else {
        format!("join a room and get {each} messages of history")
    };
    let text = format!("{} clients at once {what}", count(clients.into()));
    let mut summary = Summary::new("storm");
    summary
        .load(text)
        .field("clients", clients)
        .field("rooms", rooms)
        .field("is_resume", request.resume)
        .field("rooms_each", rooms_each)
        .field("messages_each", each)
        .row("all are there after", format!("{seconds:.3} s"))
        .figure("seconds", seconds)
        .per_second("clients", "clients_per_s", per(float(ledger.joins.len()), seconds))
        .times("a client is there after", "client_ms", &ledger.joins)
        .cpu(&figures, "client", clients.into());
    tell_reads(reads, clients, rooms, &mut summary);
    check(&ledger.counts, request, u64::from(clients) * u64::from(rooms_each), each, &mut summary);
    Ok(summary.report())
}

/// Has each room's writer send so many messages.
fn fill(writers: &mut Swarm, rooms: u32, messages: u64, acks: Acks) -> Result<(), CliError> {
    let all = usize::try_from(rooms).unwrap_or(usize::MAX);
    writers.watch.phase("writing what will be read");
    writers.join(all, CALMLY_AT_ONCE)?;
    writers.begin(0..all, WINDOW, messages)?;
    writers.settle(acks)?;
    writers.part(Memory::Lost);
    Ok(())
}

/// How often the server read its database meanwhile.
fn tell_reads(reads: Option<StoreReads>, clients: u32, rooms: u32, summary: &mut Summary) {
    let Some(reads) = reads else {
        summary.field("store_reads", Value::Null);
        return;
    };
    let (all, of_rooms) = (reads.values().sum::<u64>(), reads.get("room").copied().unwrap_or(0));
    let (each, per_room) = (ratio(all, clients.into()), ratio(of_rooms, rooms.into()));
    let kinds: Vec<String> = reads.iter().map(|(kind, &reads)| format!("{kind} {}", count(reads))).collect();
    summary
        .row("reads of the database", format!("{}, {each:.2} per client ({})", count(all), kinds.join(", ")))
        .row("of a room, for each room", format!("{per_room:.1}"))
        .field("store_reads", serde_json::json!(reads))
        .figure("store_reads_per_client", each)
        .figure("room_reads_per_room", per_room);
}

/// Whether everybody got what they missed.
fn check(counts: &Counts, request: &Storm, joins: u64, each: u32, summary: &mut Summary) {
    let expected = joins * u64::from(each);
    let (history, broken) = (counts.history, counts.broken_joins);
    summary
        .row(
            "checked",
            format!(
                "{} messages of {} at least; {broken} answers too short",
                count(history),
                count(expected)
            ),
        )
        .field("messages", history)
        .field("expected_messages", expected)
        .field("short_answers", broken)
        .field("put_off", counts.put_off);
    if counts.put_off > 0 {
        summary.row("put off by the server", format!("{} times", count(counts.put_off)));
    }
    let has_wrong_number = history < expected || (request.resume && history > expected);
    if broken > 0 || has_wrong_number {
        let text =
            format!("{broken} answers brought too little; {history} messages came in place of {expected}");
        summary.complain(CliError::server(text, "see whether somebody else wrote into the rooms"));
    }
}
