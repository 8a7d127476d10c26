//! The limits of storing: a loop that does nothing but insert the rows of messages.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::rows::{Row, Rows};

/// The people who send, with a room each.
pub(crate) const SENDERS: u32 = 64;
const BODY_BYTES: usize = 100;

/// Inserts a message of each sender in turn, so many with a commit, and says how many a second became durable.
pub(crate) fn run(database: &Path, batch: u32, seconds: u64) -> io::Result<()> {
    let mut rows = Rows::open(database)?;
    let (started, lasting) = (Instant::now(), Duration::from_secs(seconds));
    let mut stored = 0;
    while started.elapsed() < lasting {
        rows.commit(&(stored..stored + batch).map(row).collect::<Vec<_>>())?;
        stored += batch;
    }
    println!("{}", f64::from(stored) / started.elapsed().as_secs_f64());
    Ok(())
}

fn row(number: u32) -> Row {
    let sender = number % SENDERS + 1;
    Row {
        room: sender,
        user_id: sender.into(),
        seq: (number / SENDERS + 1).into(),
        body: "x".repeat(BODY_BYTES),
        key: format!("4294967295-{sender}-{number}"),
    }
}
