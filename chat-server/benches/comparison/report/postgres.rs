//! The report of storing on PostgreSQL.

use std::fmt::Write;

use super::median;
use crate::postgres::{Figures, Round};

const POSTGRES_HEAD: &str = "\
| 64 senders | messages/s | PostgreSQL CPU µs per message | per PostgreSQL CPU second / 64 rows | / single row \
| per second / 64 rows | / single row |
|---|--:|--:|--:|--:|--:|--:|
";

/// What one way of storing brought.
type FiguresOf = fn(&Round) -> Figures;

/// How many messages PostgreSQL made durable in each way, and the CPU that it took for each.
pub(crate) fn postgres(rounds: &[Round]) -> String {
    let ways: [(&str, FiguresOf); 6] = [
        ("chat-server, over connections", |round| round.server),
        ("the server's writer alone", |round| round.writer),
        ("the store's bare rows, 64 with a commit", |round| round.bare_rows),
        ("a commit of the server's store for each message", |round| round.one_by_one),
        ("limit: pgbench, 64 rows with a commit", |round| round.many_rows),
        ("limit: pgbench, a commit for each row", |round| round.single_row),
    ];
    let mut text = POSTGRES_HEAD.to_owned();
    for (name, of) in ways {
        let median_of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        let _ = writeln!(
            text,
            "| {name} | {:.0} | {:.1} | {:.2} | {:.1} | {:.2} | {:.1} |",
            median_of(&|round| of(round).per_s),
            median_of(&|round| of(round).postgres_us_each),
            median_of(&|round| round.many_rows.postgres_us_each / of(round).postgres_us_each),
            median_of(&|round| round.single_row.postgres_us_each / of(round).postgres_us_each),
            median_of(&|round| of(round).per_s / round.many_rows.per_s),
            median_of(&|round| of(round).per_s / round.single_row.per_s),
        );
    }
    text
}
