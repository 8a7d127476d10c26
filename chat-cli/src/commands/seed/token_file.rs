//! `chat-cli seed --tokens`: people and rooms for `bench`, and the file by which it speaks for them.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use chat_store::tokens::Tokens;
use serde_json::json;

use crate::commands::Clock;
use crate::database::OpenDatabase;
use crate::error::CliError;
use crate::output::Report;
use crate::population;

/// How many people and rooms, and where their tokens go.
pub(super) struct Load<'a> {
    pub(super) people: u32,
    pub(super) rooms: u32,
    pub(super) path: &'a Path,
}

/// Adds people and rooms that are not there yet, signs everybody in, and writes the tokens: one a line, in the order of
/// the people's numbers.
pub(super) fn write(
    load: &Load<'_>,
    tokens: &Tokens,
    database: &OpenDatabase,
    clock: Clock,
) -> Result<Report, CliError> {
    let path = load.path;
    let file = create(path)?;
    let written = population::add_rooms(load.rooms, database, clock).and_then(|rooms| {
        let (tokens, people) = population::add_signed_in(load.people, tokens, database, clock)?;
        fill(file, &tokens).map_err(|error| not_written(path, &error))?;
        Ok((rooms, people))
    });
    // Half a file would look like a whole one of fewer people. If it can't be removed, the error says enough.
    let (rooms, people) = written.inspect_err(|_| drop(std::fs::remove_file(path)))?;
    let sessions = load.people;
    let text = format!(
        "added {rooms} rooms and {people} users; wrote the tokens of {sessions} sessions to {}",
        path.display()
    );
    let path = path.display().to_string();
    Ok(Report::line(&text, json!({ "rooms": rooms, "users": people, "sessions": sessions, "tokens": path })))
}

/// Makes a file that only its owner reads.
fn create(path: &Path) -> Result<File, CliError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => CliError::FileExists(path.to_owned()),
        _ => not_written(path, &error),
    })
}

fn fill(file: File, tokens: &[String]) -> std::io::Result<()> {
    let mut writer = BufWriter::new(file);
    for token in tokens {
        writeln!(writer, "{token}")?;
    }
    writer.into_inner()?.sync_all()
}

fn not_written(path: &Path, error: &std::io::Error) -> CliError {
    CliError::failed(format!("could not write {}: {error}", path.display()), "name another file")
}
