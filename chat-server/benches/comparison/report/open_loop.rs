//! What the open loops report.

use std::fmt::Write;

use super::median;
use crate::noisy_neighbour::{self, Neighbour};
use crate::open_loop::Figures;
use crate::rate;
use crate::stalled_readers;
use crate::target::Target;

const RATE_HEAD: &str = "\
| 10 x 100, 500 messages/s | p50 ms | p99 ms | server CPU µs per delivery | server CPU % | deliveries/s \
| generator late, p99 ms | generator CPU % | others' CPU % |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
";
const RATE_RATIOS_HEAD: &str = "
| chat-server / | p50 | p99 | server CPU per delivery |
|---|--:|--:|--:|
";
const STALLED_HEAD: &str = "\
| chat-server, 10 x 100, 500 messages/s | p50 ms | p99 ms | server CPU µs per delivery | generator late, p99 ms \
| closed by the server |
|---|--:|--:|--:|--:|--:|
";
const NEIGHBOUR_HEAD: &str = "\
| room of 2, 50 messages/s | p50 ms alone | p99 ms alone | p50 ms beside | p99 ms beside | beside / alone, p50 \
| beside / alone, p99 | generator late, p99 ms alone | beside | server CPU % beside | deliveries/s to the room of 1,000 |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

/// How long messages took with each target and what they cost, and the server beside each of the others.
pub(crate) fn rate(rounds: &[rate::Round], targets: &[Target]) -> String {
    let mut text = RATE_HEAD.to_owned();
    for &target in targets {
        let of = |figure: fn(&Figures) -> f64| median(brought(rounds, target).map(figure).collect());
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {target} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} | {:.2} | {:.0} | {:.0} |",
            of(|figures| figures.p50_ms),
            of(|figures| figures.p99_ms),
            of(|figures| figures.target_us_each),
            of(|figures| figures.target_cpu * 100.0),
            of(|figures| figures.deliveries_per_s),
            of(|figures| figures.late_p99_ms),
            of(|figures| figures.generator_cpu * 100.0),
            of(|figures| figures.others_cpu * 100.0),
        );
    }
    let others = targets.iter().filter(|&&target| target != Target::ChatServer);
    let ratios: String = others.filter_map(|&other| rate_ratios_row(rounds, other)).collect();
    if !ratios.is_empty() {
        text.push_str(RATE_RATIOS_HEAD);
        text.push_str(&ratios);
    }
    text
}

/// The server's figures divided by those of another target in the same round; `None` if one of them was not measured.
fn rate_ratios_row(rounds: &[rate::Round], other: Target) -> Option<String> {
    let pairs: Vec<_> = brought(rounds, Target::ChatServer).zip(brought(rounds, other)).collect();
    let per = |figure: fn(&Figures) -> f64| {
        median(pairs.iter().map(|(server, other)| figure(server) / figure(other)).collect())
    };
    let (p50, p99, cpu) =
        (per(|figures| figures.p50_ms), per(|figures| figures.p99_ms), per(|figures| figures.target_us_each));
    (!pairs.is_empty()).then(|| format!("| {other} | {p50:.2} | {p99:.2} | {cpu:.2} |\n"))
}

/// What a target had in each round.
fn brought<T>(rounds: &[Vec<(Target, T)>], target: Target) -> impl Iterator<Item = &T> {
    rounds.iter().flatten().filter(move |(measured, _)| *measured == target).map(|(_, figures)| figures)
}

/// How long messages to those who read took with and without clients that don't.
pub(crate) fn stalled_readers(rounds: &[stalled_readers::Round]) -> String {
    let median_of =
        |figure: &dyn Fn(&stalled_readers::Round) -> f64| median(rounds.iter().map(figure).collect());
    let closed = median_of(&|round| round.closed);
    let row = |name: &str, of: fn(&stalled_readers::Round) -> &Figures, closed: f64| {
        format!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {closed:.0} |\n",
            median_of(&|round| of(round).p50_ms),
            median_of(&|round| of(round).p99_ms),
            median_of(&|round| of(round).target_us_each),
            median_of(&|round| of(round).late_p99_ms),
        )
    };
    let mut text = STALLED_HEAD.to_owned();
    text.push_str(&row("everybody reads", |round| &round.without, 0.0));
    text.push_str(&row("one in a hundred stalled: the others", |round| &round.with, closed));
    let _ = writeln!(
        text,
        "| ratio | {:.2} | {:.2} | {:.2} | | |",
        median_of(&|round| round.with.p50_ms / round.without.p50_ms),
        median_of(&|round| round.with.p99_ms / round.without.p99_ms),
        median_of(&|round| round.with.target_us_each / round.without.target_us_each),
    );
    text
}

/// How long messages in a room of 2 took with and without a saturated room beside it.
pub(crate) fn noisy_neighbour(rounds: &[noisy_neighbour::Round], targets: &[Target]) -> String {
    let mut text = NEIGHBOUR_HEAD.to_owned();
    for &target in targets {
        let of = |figure: fn(&Neighbour) -> f64| median(brought(rounds, target).map(figure).collect());
        let _ = writeln!(
            text,
            "| {target} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} |",
            of(|room| room.alone.p50_ms),
            of(|room| room.alone.p99_ms),
            of(|room| room.beside.p50_ms),
            of(|room| room.beside.p99_ms),
            of(|room| room.beside.p50_ms / room.alone.p50_ms),
            of(|room| room.beside.p99_ms / room.alone.p99_ms),
            of(|room| room.alone.late_p99_ms),
            of(|room| room.beside.late_p99_ms),
            of(|room| room.beside.target_cpu * 100.0),
            of(|room| room.large_deliveries_per_s),
        );
    }
    text
}
