//! The report: medians over the rounds, and ratios within each round, as Markdown.

use std::fmt::Write;

use crate::arguments::Arguments;
use crate::measure::{Figures, Round};
use crate::pinning::Pinning;
use crate::shape::Shape;
use crate::target::Target;

const FIGURES_HEAD: &str = "\
| rooms x clients | target | deliveries/s | server CPU µs per delivery | generator CPU µs per delivery | server CPU % \
| generator CPU % | others' CPU % | deliveries per read | connects+joins/s |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|
";
const RATIOS_HEAD: &str = "\
| rooms x clients | chat-server / | per second | per server CPU second |
|---|---|--:|--:|
";

/// All tables.
pub(crate) fn markdown(rounds: &[Round], pinning: &Pinning, arguments: &Arguments, fsync_ms: f64) -> String {
    let mut text = conditions(pinning, arguments, fsync_ms);
    text.push_str(FIGURES_HEAD);
    for &shape in &arguments.shapes() {
        for &target in &arguments.targets() {
            text.push_str(&figures_row(rounds, shape, target));
        }
    }
    let references = [Target::BareLoop, Target::BareLoopPerTurn];
    let ratios: String = arguments
        .shapes()
        .iter()
        .flat_map(|shape| references.iter().filter_map(|&target| ratios_row(rounds, shape, target)))
        .collect();
    if !ratios.is_empty() {
        text.push('\n');
        text.push_str(RATIOS_HEAD);
        text.push_str(&ratios);
    }
    text
}

/// Under what conditions the figures came about.
fn conditions(pinning: &Pinning, arguments: &Arguments, fsync_ms: f64) -> String {
    let (rounds, seconds) = (arguments.rounds, arguments.seconds);
    let mut text =
        format!("{rounds} rounds of {seconds} s; a page appended and synced takes {fsync_ms:.2} ms; ");
    text.push_str(if pinning.is_possible {
        "server and generator have a CPU each.\n"
    } else {
        "NOT PINNED: there is no `taskset` or no second CPU, so server and generator take each other's time.\n"
    });
    if cfg!(debug_assertions) {
        text.push_str("A DEBUG BUILD: the figures say nothing.\n");
    }
    text.push('\n');
    text
}

fn figures_row(rounds: &[Round], shape: &Shape, target: Target) -> String {
    let of = |figure: fn(&Figures) -> f64| {
        let runs = rounds.iter().filter(|round| round.shape.name == shape.name && round.target == target);
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

/// The server's figures divided by those of a reference in the same round; `None` if one of them was not measured.
fn ratios_row(rounds: &[Round], shape: &Shape, reference: Target) -> Option<String> {
    let mut per_s = Vec::new();
    let mut per_cpu_s = Vec::new();
    let is_of_shape = |round: &&Round| round.shape.name == shape.name;
    for server in rounds.iter().filter(is_of_shape).filter(|round| round.target == Target::ChatServer) {
        let beside = rounds
            .iter()
            .filter(is_of_shape)
            .find(|round| round.target == reference && round.number == server.number)?;
        per_s.push(server.figures.deliveries_per_s / beside.figures.deliveries_per_s);
        per_cpu_s.push(beside.figures.target_us_each / server.figures.target_us_each);
    }
    (!per_s.is_empty())
        .then(|| format!("| {shape} | {reference} | {:.2} | {:.2} |\n", median(per_s), median(per_cpu_s)))
}

/// The middle one, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}
