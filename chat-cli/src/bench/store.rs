//! `bench store`: durable messages per second of the store alone, through the writer that groups commits, one commit
//! for each message, and as bare rows.

mod ways;

use std::time::Duration;

use chat_domain::{Command, JoinRoom, UserId, commit_batch};

use self::ways::{Bench, Sender};
use super::number::{float, grouped, median, per};
use super::process::{check_server, cpu_s, own_cpu_s};
use super::stopwatch::{Stopwatch, seconds};
use super::summary::Summary;
use crate::args::bench::StoreLoad;
use crate::commands::Clock;
use crate::database::{Database, OpenDatabase};
use crate::error::CliError;
use crate::output::{ProgressLine, Report, progress_lines};
use crate::population::{add_people, add_rooms, room_name};

/// A way of storing messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Through the writer: whatever waits shares a commit.
    Grouped,
    /// A commit for each message.
    OneByOne,
    /// Rows and counters without any rule, as many in a commit as there are senders.
    BareRows,
}

const WAYS: [Way; 3] = [Way::Grouped, Way::OneByOne, Way::BareRows];

/// What one way brought in one round.
struct Run {
    way: Way,
    per_s: f64,
    cpu_us_each: f64,
    /// Microseconds of PostgreSQL's CPU for each message, if its process was named.
    server_cpu_us_each: Option<f64>,
}

/// Lets the ways take turns, and compares them.
pub(super) fn run(
    request: &StoreLoad,
    database: &Database,
    clock: Clock,
    is_json: bool,
) -> Result<Report, CliError> {
    check_server(request.server_pid)?;
    let database = database.open_migrated()?;
    let senders = prepare(request, &database, clock)?;
    let bytes = usize::try_from(request.body_bytes).unwrap_or(0);
    let mut bench = Bench::new(database.store(), clock, senders, bytes)?;
    let progress = progress_lines(is_json, request.progress);
    let mut runs = Vec::new();
    for round in 1..=request.rounds {
        for way in WAYS {
            progress.tell(&format!("round {round} of {}: {}", request.rounds, way.label()));
            let run = measure(way, &mut bench, seconds(request.seconds.into()), request.server_pid)?;
            tell(&run, &progress);
            runs.push(run);
        }
    }
    drop(progress);
    Ok(report(request, &runs))
}

/// Adds the people and rooms, makes everybody a member of a room, and finds out who sends where.
fn prepare(request: &StoreLoad, database: &OpenDatabase, clock: Clock) -> Result<Vec<Sender>, CliError> {
    add_rooms(request.rooms, database, clock)?;
    let people: Vec<UserId> =
        add_people(request.senders, database, clock)?.into_iter().map(|(user_id, _)| user_id).collect();
    let rooms = database.read(|repository| {
        let names = (1..=request.rooms).map(room_name);
        let find = |name| repository.find_room_by_name(&name?).map_err(CliError::from);
        names.map(find).collect::<Result<Vec<_>, CliError>>()
    })?;
    let rooms: Vec<_> = rooms.into_iter().flatten().collect();
    let senders: Vec<Sender> = people
        .into_iter()
        .zip(rooms.iter().map(|room| room.id).cycle())
        .map(|(user_id, room_id)| Sender { user_id, room_id })
        .collect();
    let joins: Vec<Command> = senders
        .iter()
        .map(|&Sender { user_id, room_id }| Command::JoinRoom(JoinRoom { user_id, room_id }))
        .collect();
    let joined = database.write(|repository| Ok(commit_batch(repository, clock(), &joins)?))?;
    joined.into_iter().try_for_each(|joined| joined.map(drop).map_err(CliError::from))?;
    Ok(senders)
}

fn measure(way: Way, bench: &mut Bench<'_>, ns: u64, server_pid: Option<u32>) -> Result<Run, CliError> {
    let server_cpu_s = || server_pid.and_then(cpu_s);
    let server_before_s = server_cpu_s();
    let (stopwatch, own_before_s) = (Stopwatch::start(), own_cpu_s());
    let is_over = || stopwatch.ns() >= ns;
    let stored = match way {
        Way::Grouped => bench.grouped(is_over),
        Way::OneByOne => bench.one_by_one(is_over),
        Way::BareRows => bench.bare_rows(is_over),
    }?;
    let took = Duration::from_nanos(stopwatch.ns()).as_secs_f64();
    let us_each = |before_s: f64, after_s: f64| per((after_s - before_s) * 1e6, float(stored));
    let cpu_us_each = us_each(own_before_s, own_cpu_s());
    let server_cpu_us_each =
        server_before_s.zip(server_cpu_s()).map(|(before, after)| us_each(before, after));
    Ok(Run { way, per_s: per(float(stored), took), cpu_us_each, server_cpu_us_each })
}

fn tell(run: &Run, progress: &ProgressLine) {
    progress.tell(&format!("{}: {} messages/s", run.way.label(), grouped(run.per_s)));
}

fn report(request: &StoreLoad, runs: &[Run]) -> Report {
    let of = |way: Way, figure: fn(&Run) -> f64| {
        median(runs.iter().filter(|run| run.way == way).map(figure).collect())
    };
    // The disk has its moods: only what was measured in one round is compared.
    let ratio = |other: Way| {
        let rounds = runs.chunks(WAYS.len());
        let per_s = |round: &[Run], way| round.iter().find(|run| run.way == way).map_or(0.0, |run| run.per_s);
        median(rounds.map(|round| per(per_s(round, Way::Grouped), per_s(round, other))).collect())
    };
    let mut summary = Summary::new("store");
    let (senders, rooms) = (request.senders, request.rooms);
    summary
        .load(format!(
            "{senders} senders in {rooms} rooms, {} rounds of {} s",
            request.rounds, request.seconds
        ))
        .field("senders", senders)
        .field("rooms", rooms)
        .field("body_bytes", request.body_bytes)
        .field("seconds", request.seconds)
        .field("rounds", request.rounds);
    for way in WAYS {
        let (per_s, cpu_us) = (of(way, |run| run.per_s), of(way, |run| run.cpu_us_each));
        summary
            .row(
                format!("{}, messages/s", way.label()),
                format!("{} ({cpu_us:.1} µs of CPU each)", grouped(per_s)),
            )
            .figure(&format!("{}_per_s", way.name()), per_s)
            .figure(&format!("{}_cpu_us_each", way.name()), cpu_us);
        if request.server_pid.is_some() {
            let cpu_us = of(way, |run| run.server_cpu_us_each.unwrap_or(f64::NAN));
            summary
                .row(format!("{}, PostgreSQL's CPU for each", way.label()), format!("{cpu_us:.1} µs"))
                .figure(&format!("{}_server_cpu_us_each", way.name()), cpu_us);
        }
    }
    for way in [Way::OneByOne, Way::BareRows] {
        summary
            .row(format!("in groups / {}", way.label()), format!("{:.2}", ratio(way)))
            .figure(&format!("grouped_to_{}", way.name()), ratio(way));
    }
    summary.report()
}

impl Way {
    /// For people.
    const fn label(self) -> &'static str {
        match self {
            Self::Grouped => "in groups",
            Self::OneByOne => "one by one",
            Self::BareRows => "bare rows",
        }
    }

    /// For programs.
    const fn name(self) -> &'static str {
        match self {
            Self::Grouped => "grouped",
            Self::OneByOne => "one_by_one",
            Self::BareRows => "bare_rows",
        }
    }
}
