//! The report of bursts on one core and on two.

use std::fmt::Write;

use super::median;
use crate::bursts::{MEMBERS, MESSAGES};
use crate::cores::Round;

/// How long bursts took on one core and on two.
pub(crate) fn cores(rounds: &[Round]) -> String {
    let mut text = format!(
        "| {MESSAGES} messages to {MEMBERS} clients, sent to last write | one core ms | two cores ms | one / two |\n\
         |---|--:|--:|--:|\n"
    );
    let mut row = |name: &str, of: fn(Vec<f64>) -> f64| {
        let each = |times: fn(&Round) -> &Vec<f64>| rounds.iter().map(move |round| of(times(round).clone()));
        let (one, two) = (each(|round| &round.one_core_ms), each(|round| &round.two_cores_ms));
        let ratios = one.clone().zip(two.clone()).map(|(one, two)| one / two);
        let (one, two, ratio) = (median(one.collect()), median(two.collect()), median(ratios.collect()));
        let _ = writeln!(text, "| {name} | {one:.1} | {two:.1} | {ratio:.2} |");
    };
    row("the median of the bursts", median);
    row("the quickest", |times| times.into_iter().fold(f64::INFINITY, f64::min));
    text
}
