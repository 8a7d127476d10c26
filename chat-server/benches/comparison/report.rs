//! The reports: medians over the rounds, and ratios within each round, as Markdown.

mod cores;
mod open_loop;
mod postgres;

use std::fmt::Write;

use crate::arguments::{Arguments, Load};
use crate::fan_out::{Figures, Round};
use crate::pinning::Pinning;
use crate::shape::{Shape, Storm};
use crate::start::STARTS;
use crate::store;
use crate::storm;
use crate::target::Target;

pub(crate) use cores::cores;
pub(crate) use open_loop::{noisy_neighbour, rate, stalled_readers};
pub(crate) use postgres::postgres;

const FIGURES_HEAD: &str = "\
| rooms x clients | target | deliveries/s | server CPU µs per delivery | generator CPU µs per delivery | server CPU % \
| generator CPU % | others' CPU % | deliveries per read | connects+joins/s |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|
";
const RATIOS_HEAD: &str = "
| rooms x clients | chat-server / | per second | per server CPU second |
|---|---|--:|--:|
";
const STORM_HEAD: &str = "\
| clients | target | all are there after s | clients/s | server CPU µs per client | server CPU % | generator CPU % \
| others' CPU % | put off | reads of the database per client | reads of a room for each room |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";
/// One of a round's figures.
type MessagesPerS = fn(&store::Round) -> f64;

const STORE_HEAD: &str = "\
| 64 senders | messages/s | server / it | server's writer / it |
|---|--:|--:|--:|
";

/// Under what conditions the figures came about.
pub(crate) fn conditions(pinning: &Pinning, arguments: &Arguments, fsync_ms: f64) -> String {
    let (rounds, seconds) = (arguments.rounds, arguments.seconds);
    let of_each = match arguments.load {
        Load::Start => format!("{STARTS} starts"),
        _ => format!("{seconds} s"),
    };
    let mut text =
        format!("{rounds} rounds of {of_each}; a page appended and synced takes {fsync_ms:.2} ms; ");
    text.push_str(if arguments.load == Load::Start {
        "nothing has a CPU of its own.\n"
    } else if pinning.is_possible {
        "server and generator have a CPU each.\n"
    } else {
        "NOT PINNED: there is no `taskset` or no second CPU, so server and generator take each other's time.\n"
    });
    if !pinning.is_urgency_possible {
        text.push_str(
            "NO PRIORITY: `chrt` is not allowed, so the generator of an open loop waits for others.\n",
        );
    }
    if cfg!(debug_assertions) {
        text.push_str("A DEBUG BUILD: the figures say nothing.\n");
    }
    text.push('\n');
    text
}

/// What each target delivered, and the server beside each of the others.
pub(crate) fn fan_out(rounds: &[Round], shapes: &[&'static Shape], targets: &[Target]) -> String {
    let mut text = FIGURES_HEAD.to_owned();
    for &shape in shapes {
        for &target in targets {
            text.push_str(&figures_row(rounds, shape, target));
        }
    }
    let beside = |shape| targets.iter().filter_map(move |&target| ratios_row(rounds, shape, target));
    let ratios: String = shapes.iter().copied().flat_map(beside).collect();
    if !ratios.is_empty() {
        text.push_str(RATIOS_HEAD);
        text.push_str(&ratios);
    }
    text
}

fn figures_row(rounds: &[Round], shape: &Shape, target: Target) -> String {
    let of = |figure: fn(&Figures) -> f64| {
        let runs = rounds.iter().filter(|round| round.shape == shape && round.target == target);
        median(runs.map(|round| figure(&round.figures)).collect())
    };
    let mut row = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        row,
        "| {shape} | {target} | {:.0} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} | {:.1} | {:.0} |",
        of(|figures| figures.deliveries_per_s),
        of(|figures| figures.target_us_each),
        of(|figures| figures.generator_us_each),
        of(|figures| figures.target_cpu * 100.0),
        of(|figures| figures.generator_cpu * 100.0),
        of(|figures| figures.others_cpu * 100.0),
        of(|figures| figures.deliveries_per_read),
        of(|figures| figures.joins_per_s),
    );
    row
}

/// The server's figures divided by those of another target in the same round; `None` if one of them was not measured.
fn ratios_row(rounds: &[Round], shape: &Shape, other: Target) -> Option<String> {
    if other == Target::ChatServer {
        return None;
    }
    let of = |target| rounds.iter().filter(move |round| round.shape == shape && round.target == target);
    let pairs: Vec<(Figures, Figures)> = of(Target::ChatServer)
        .flat_map(|server| of(other).map(move |other| (server, other)))
        .filter(|(server, other)| server.number == other.number)
        .map(|(server, other)| (server.figures, other.figures))
        .collect();
    let per = |ratio: fn(&(Figures, Figures)) -> f64| median(pairs.iter().map(ratio).collect());
    let per_s = per(|(server, other)| server.deliveries_per_s / other.deliveries_per_s);
    let per_cpu_s = per(|(server, other)| other.target_us_each / server.target_us_each);
    (!pairs.is_empty()).then(|| format!("| {shape} | {other} | {per_s:.2} | {per_cpu_s:.2} |\n"))
}

/// How many messages became durable in each way, and the server beside each of the others.
pub(crate) fn store(rounds: &[store::Round]) -> String {
    let ways: [(&str, MessagesPerS); 5] = [
        ("chat-server, over connections", |round| round.server),
        ("the server's writer alone", |round| round.writer),
        ("a commit of the server's store for each message", |round| round.writer_one_by_one),
        ("limit: bare rows, 64 with a commit", |round| round.insert_loop),
        ("limit: bare rows, a commit for each", |round| round.commit_loop),
    ];
    let mut text = STORE_HEAD.to_owned();
    for (name, of) in ways {
        let median_of = |figure: &dyn Fn(&store::Round) -> f64| median(rounds.iter().map(figure).collect());
        let (per_s, server) = (median_of(&of), median_of(&|round| round.server / of(round)));
        let writer = median_of(&|round| round.writer / of(round));
        let _ = writeln!(text, "| {name} | {per_s:.0} | {server:.2} | {writer:.2} |");
    }
    text
}

/// What the storms came to, and the server beside each of the others.
pub(crate) fn storm(rounds: &[storm::Round], storms: &[&'static Storm], targets: &[Target]) -> String {
    let runs = |storm: &'static Storm, target| {
        let is_meant = move |round: &&storm::Round| round.storm == storm && round.target == target;
        rounds.iter().filter(is_meant).collect::<Vec<_>>()
    };
    let mut text = STORM_HEAD.to_owned();
    let mut ratios = String::new();
    for &storm in storms {
        let own = runs(storm, Target::ChatServer);
        for &target in targets {
            let theirs = runs(storm, target);
            if theirs.is_empty() {
                continue;
            }
            text.push_str(&storm_row(storm, target, &theirs));
            let pairs: Vec<_> = own
                .iter()
                .flat_map(|own| theirs.iter().map(move |other| (own, other)))
                .filter(|(own, other)| target != Target::ChatServer && own.number == other.number)
                .map(|(own, other)| (own.figures, other.figures))
                .collect();
            let per = |ratio: fn(&(storm::Figures, storm::Figures)) -> f64| {
                median(pairs.iter().map(ratio).collect())
            };
            let per_s = per(|(own, other)| own.clients_per_s / other.clients_per_s);
            let per_cpu_s = per(|(own, other)| other.target_us_each / own.target_us_each);
            if !pairs.is_empty() {
                let _ = writeln!(ratios, "| {storm} | {target} | {per_s:.2} | {per_cpu_s:.2} |");
            }
        }
    }
    if !ratios.is_empty() {
        text.push_str(&RATIOS_HEAD.replace("rooms x clients", "clients"));
        text.push_str(&ratios);
    }
    text
}

fn storm_row(storm: &Storm, target: Target, runs: &[&storm::Round]) -> String {
    let of = |figure: fn(&storm::Figures) -> f64| {
        median(runs.iter().map(|round| figure(&round.figures)).collect())
    };
    let if_told = |figure: fn(&storm::Figures) -> Option<f64>| {
        let told: Vec<f64> = runs.iter().filter_map(|round| figure(&round.figures)).collect();
        if told.is_empty() { "–".to_owned() } else { format!("{:.2}", median(told)) }
    };
    format!(
        "| {storm} | {target} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {} | {} |\n",
        of(|figures| figures.seconds),
        of(|figures| figures.clients_per_s),
        of(|figures| figures.target_us_each),
        of(|figures| figures.target_cpu * 100.0),
        of(|figures| figures.generator_cpu * 100.0),
        of(|figures| figures.others_cpu * 100.0),
        of(|figures| figures.put_off),
        if_told(|figures| figures.reads_per_client),
        if_told(|figures| figures.room_reads_per_room),
    )
}

/// The middle one, or the mean of the two in the middle; not a number of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (lower, upper) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    values.get(lower).zip(values.get(upper)).map_or(f64::NAN, |(lower, upper)| f64::midpoint(*lower, *upper))
}
