//! How fast the disk makes things durable: in small rooms this bounds every server that keeps its word.

use std::io::{self, Write};
use std::time::Instant;

/// Where the data folders are made: on the disk of the build, since a folder in memory would sync for nothing.
pub(crate) const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

/// Appends that are timed.
const APPENDS: usize = 101;
/// Bytes in an append: a page of the database.
const APPEND_BYTES: usize = 4_096;

/// Milliseconds that it takes to append a page and sync it: the median.
pub(crate) fn fsync_ms() -> io::Result<f64> {
    let mut file = tempfile::tempfile_in(FOLDER)?;
    let mut times = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let started = Instant::now();
        file.write_all(&[1; APPEND_BYTES])?;
        file.sync_data()?;
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[APPENDS / 2])
}
