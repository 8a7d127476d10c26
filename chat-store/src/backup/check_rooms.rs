//! Whether the data of a backup fits together: numbers without holes, counters, references.
//!
//! Only columns of the first migration are read, so that an older backup can be checked as it is.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};

use crate::any_connection::{AnyConnection, on_backend};

/// Problems of one kind that are named, at most; the first ones tell what happened.
pub(super) const PROBLEMS_MAX: usize = 100;

/// Each answers a line for each thing that is wrong, at most [`PROBLEMS_MAX`].
const CHECKS: [&str; 6] = [
    "SELECT \"table\" || ' ' || rowid || ': the ' || parent || ' that it names is not there' AS line \
     FROM pragma_foreign_key_check",
    "SELECT 'room ' || r.name || ': it counts ' || r.members || ' members and has ' || count(p.id) AS line \
     FROM chat_room AS r LEFT JOIN chat_participant AS p ON p.room_id = r.id \
     GROUP BY r.id HAVING count(p.id) <> r.members",
    "SELECT 'room ' || r.name || ': user ' || p.user_id || ' has read up to ' || p.read_seq || ', beyond ' \
     || r.last_seq AS line FROM chat_participant AS p JOIN chat_room AS r ON r.id = p.room_id \
     WHERE p.read_seq NOT BETWEEN 0 AND r.last_seq",
    "SELECT 'chat_meta has ' || count(*) || ' rows, not one with an epoch' AS line \
     FROM chat_meta HAVING count(*) <> 1 OR max(epoch) = ''",
    "SELECT 'the control log has ' || count(*) || ' entries from ' || min(seq) || ' to ' || max(seq) AS line \
     FROM chat_control HAVING count(*) > 0 AND count(*) <> max(seq) - min(seq) + 1",
    "SELECT 'the control log goes to ' || max(c.seq) || ', beyond its counter ' || m.control_seq AS line \
     FROM chat_control AS c CROSS JOIN chat_meta AS m GROUP BY m.id HAVING max(c.seq) > m.control_seq",
];

/// The numbers of each room's messages, counted in one pass.
const NUMBERS: &str = "\
    SELECT r.name, r.last_seq, count(m.id) AS messages, count(DISTINCT m.seq) AS seqs, \
           count(DISTINCT m.changed_seq) AS changed_seqs, coalesce(min(m.seq), 1) AS first_seq, \
           coalesce(max(m.seq), 0) AS highest_seq, coalesce(max(m.changed_seq), 0) AS highest_changed_seq, \
           coalesce(sum(m.changed_seq > m.seq), 0) AS changed, coalesce(sum(m.changed_seq < m.seq), 0) AS older \
    FROM chat_room AS r LEFT JOIN chat_message AS m ON m.room_id = r.id GROUP BY r.id ORDER BY r.id";

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Damage {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

#[derive(QueryableByName)]
struct Numbers {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
    #[diesel(sql_type = BigInt)]
    messages: i64,
    #[diesel(sql_type = BigInt)]
    seqs: i64,
    #[diesel(sql_type = BigInt)]
    changed_seqs: i64,
    #[diesel(sql_type = BigInt)]
    first_seq: i64,
    #[diesel(sql_type = BigInt)]
    highest_seq: i64,
    #[diesel(sql_type = BigInt)]
    highest_changed_seq: i64,
    #[diesel(sql_type = BigInt)]
    changed: i64,
    #[diesel(sql_type = BigInt)]
    older: i64,
}

/// Names all that doesn't fit together.
pub(super) fn problems(connection: &mut AnyConnection) -> QueryResult<Vec<String>> {
    let rooms: Vec<Numbers> = on_backend!(connection, |c| sql_query(NUMBERS).load(c))?;
    let mut problems: Vec<String> = rooms.iter().flat_map(Numbers::problems).take(PROBLEMS_MAX).collect();
    for check in CHECKS {
        problems.extend(lines(connection, &format!("{check} LIMIT {PROBLEMS_MAX}"))?);
    }
    Ok(problems)
}

/// What SQLite says of its own pages and indexes; nothing if all is well.
pub(super) fn damage(connection: &mut AnyConnection) -> QueryResult<Vec<String>> {
    let sql = format!("PRAGMA integrity_check({PROBLEMS_MAX})");
    let lines: Vec<Damage> = on_backend!(connection, |c| sql_query(sql).load(c))?;
    Ok(lines.into_iter().map(|line| line.integrity_check).filter(|line| line != "ok").collect())
}

fn lines(connection: &mut AnyConnection, sql: &str) -> QueryResult<Vec<String>> {
    let lines: Vec<Line> = on_backend!(connection, |c| sql_query(sql).load(c))?;
    Ok(lines.into_iter().map(|line| line.line).collect())
}

impl Numbers {
    fn problems(&self) -> Vec<String> {
        let Self { name, last_seq, messages, .. } = self;
        let mut problems = Vec::new();
        let mut tell = |what: String| problems.push(format!("room {name}: {what}"));
        // A number belongs to a message's birth or to a change. As long as nothing was changed, it is all births.
        let is_dense = self.first_seq == 1 && messages == last_seq && self.highest_seq == *last_seq;
        if self.changed == 0 && !is_dense {
            tell(format!(
                "{messages} messages from {} to {}, where 1 to {last_seq} are numbered",
                self.first_seq, self.highest_seq
            ));
        }
        if self.changed > 0 && self.highest_changed_seq != *last_seq {
            tell(format!("its last change is {}, and its last number {last_seq}", self.highest_changed_seq));
        }
        if self.first_seq < 1 || self.highest_seq.max(self.highest_changed_seq) > *last_seq {
            tell(format!("a number lies outside of 1 to {last_seq}"));
        }
        if self.seqs != *messages || self.changed_seqs != *messages {
            tell("two messages have the same number".to_owned());
        }
        if self.older > 0 {
            tell(format!("{} messages were changed before they were there", self.older));
        }
        problems
    }
}
