//! The limits of storing on PostgreSQL: pgbench with the statements by which the server stores messages, and nothing
//! else of what it does.

use std::fmt::Write;
use std::io;

use crate::chat_cli;
use crate::cpu::cpu_s;
use crate::disk;
use crate::pinning::Pinning;
use crate::postgres::{Database, Figures};
use crate::rows::CREATED_AT_MS;

const BODY_BYTES: usize = 100;
const COLUMNS: &str = "room_id, user_id, message, message_type, created_at, seq, changed_seq, client_key";

/// Stores messages with one connection, each transaction one of each of so many senders or of one of them in turn.
pub(crate) fn run(
    database: &Database<'_>,
    senders: usize,
    batch: usize,
    seconds: u64,
    pinning: &Pinning,
) -> io::Result<Figures> {
    let folder = tempfile::tempdir_in(disk::FOLDER)?;
    let file = folder.path().join("script");
    std::fs::write(&file, script(database, senders, batch)?)?;
    let program = database.programs.join("pgbench");
    let mut command = pinning.generator(program.as_os_str());
    command.args(["--no-vacuum", "--protocol=prepared", "--client=1", "--define=n=0"]);
    command.arg(format!("--time={seconds}")).arg(format!("--file={}", file.display())).arg(&database.url);
    let before_s = postgres_cpu_s(database)?;
    let output = chat_cli::finish(&mut command)?;
    let cpu_s = postgres_cpu_s(database)? - before_s;
    let output = String::from_utf8_lossy(&output);
    let (transactions, per_s) =
        (figure(&output, "number of transactions actually processed: ")?, figure(&output, "tps = ")?);
    let batch = f64::from(u32::try_from(batch).map_err(io::Error::other)?);
    Ok(Figures { per_s: per_s * batch, postgres_us_each: cpu_s * 1e6 / (transactions * batch) })
}

/// One transaction of pgbench: the rows, then their rooms' counters, as in a batch of the server.
fn script(database: &Database<'_>, senders: usize, batch: usize) -> io::Result<String> {
    let rooms: Vec<i64> = ids(database, "chat_room WHERE name LIKE 'bench-%'")?;
    let people: Vec<i64> = ids(database, "chat_user")?;
    if rooms.len() != senders || people.len() != senders {
        return Err(io::Error::other(format!("{} rooms and {} people", rooms.len(), people.len())));
    }
    let mut script = "\\set n :n + 1\n".to_owned();
    let row = |room: &str, user: &str, seq: &str| {
        let body = "x".repeat(BODY_BYTES);
        let key = "'0123456789abcdef-' || :n::text";
        format!("({room}, {user}, '{body}', 'text', {CREATED_AT_MS}, {seq}::bigint, {seq}::bigint, {key})")
    };
    let (rows, counters) = if batch == 1 {
        // Ids that follow each other need no list.
        let (room, person) = (consecutive(&rooms)?, consecutive(&people)?);
        // Writing to a string does not fail.
        let _ =
            writeln!(script, "\\set room {room} + :n % {senders}\n\\set person {person} + :n % {senders}");
        let _ = writeln!(script, "\\set seq 1 + :n / {senders}");
        let counters = "ARRAY[:room::bigint], ARRAY[:seq::bigint], ARRAY[1::bigint]".to_owned();
        (row(":room", ":person", ":seq"), counters)
    } else {
        let rows = rooms.iter().zip(&people);
        let rows = rows.map(|(room, person)| row(&room.to_string(), &person.to_string(), ":n"));
        let fill = |value: &str| format!("array_fill({value}::bigint, ARRAY[{senders}])");
        let counters = format!("ARRAY{rooms:?}::bigint[], {}, {}", fill(":n"), fill("1"));
        (rows.collect::<Vec<_>>().join(", "), counters)
    };
    let _ = writeln!(
        script,
        "BEGIN;\n\
         INSERT INTO chat_message ({COLUMNS}) VALUES {rows} RETURNING room_id, seq, id;\n\
         UPDATE chat_room AS room SET last_seq = new.last_seq, members = new.members \
         FROM unnest({counters}) AS new (id, last_seq, members) WHERE room.id = new.id;\n\
         COMMIT;"
    );
    Ok(script)
}

/// The ids of some rows, in ascending order.
fn ids(database: &Database<'_>, rows: &str) -> io::Result<Vec<i64>> {
    let query = format!("SELECT id FROM {rows} ORDER BY id");
    let output =
        database.run("psql", &["--no-psqlrc", "--no-align", "--tuples-only", "--command", &query])?;
    String::from_utf8_lossy(&output).lines().map(|line| line.parse().map_err(io::Error::other)).collect()
}

/// The first of ids that follow each other.
fn consecutive(ids: &[i64]) -> io::Result<i64> {
    let is_next = |pair: &[i64]| pair[0] + 1 == pair[1];
    if !ids.windows(2).all(is_next) {
        return Err(io::Error::other(format!("the ids have holes: {ids:?}")));
    }
    Ok(ids[0])
}

fn postgres_cpu_s(database: &Database<'_>) -> io::Result<f64> {
    cpu_s(database.postmaster).ok_or_else(|| io::Error::other("PostgreSQL is gone"))
}

/// The number behind a text of pgbench's report.
fn figure(output: &str, label: &str) -> io::Result<f64> {
    let figure = output.lines().find_map(|line| line.strip_prefix(label)?.split_whitespace().next());
    let figure =
        figure.ok_or_else(|| io::Error::other(format!("pgbench says nothing of {label}: {output}")))?;
    figure.parse().map_err(io::Error::other)
}
