//! `chat-cli backup`: makes a backup, and looks whether one is whole.

use std::path::Path;

use chat_store::backup::{self, Contents, Existing, Verified};
use serde_json::{Value, json};

use crate::args;
use crate::database::Database;
use crate::error::CliError;
use crate::output::{Report, progress_line};

/// Runs a command about backups.
pub(super) fn run(
    command: &args::Backup,
    global: &args::Global,
    database: &Database,
) -> Result<Report, CliError> {
    match command {
        args::Backup::Create(request) => create(request, global, database),
        args::Backup::Verify(args::VerifyBackup { file }) => verify(file),
    }
}

fn create(
    request: &args::CreateBackup,
    global: &args::Global,
    database: &Database,
) -> Result<Report, CliError> {
    database.require()?;
    let existing = if request.force { Existing::Replace } else { Existing::Refuse };
    let progress = progress_line(global.json);
    let made = database.with(|url, options| {
        backup::create(url, options, &request.file, existing, &mut |step| progress.show(step))
    });
    drop(progress);
    let contents = made?;
    let bytes = bytes(&request.file)?;
    let text = format!("wrote {}: {}, {bytes} bytes", request.file.display(), in_words(&contents));
    let made = json!({
        "file": request.file.to_string_lossy(),
        "bytes": bytes,
        "source": database.kind(),
    });
    let json = together(json_of(&contents), made);
    Ok(Report::line(&text, json))
}

fn verify(file: &Path) -> Result<Report, CliError> {
    let Verified { contents, problems } = backup::verify(file)?;
    let found = json!({
        "file": file.to_string_lossy(),
        "bytes": bytes(file)?,
        "is_whole": problems.is_empty(),
        "problems": problems,
    });
    let json = together(contents.as_ref().map_or_else(|| json!({}), json_of), found);
    let held = contents.as_ref().map_or_else(|| "what it holds can't be counted".to_owned(), in_words);
    if problems.is_empty() {
        return Ok(Report::line(&format!("{} is whole: {held}", file.display()), json));
    }
    let first = format!("{} holds: {held}", file.display());
    let lines: Vec<String> = std::iter::once(first).chain(problems.iter().cloned()).collect();
    let mut report = Report::lines(&lines, json);
    report.complaint = Some(CliError::DamagedBackup { file: file.to_owned(), problems: problems.len() });
    Ok(report)
}

fn bytes(file: &Path) -> Result<u64, CliError> {
    let metadata = std::fs::metadata(file).map_err(|error| {
        CliError::failed(format!("{}: {error}", file.display()), "look where the file has gone")
    })?;
    Ok(metadata.len())
}

/// What a backup or a database holds, in words.
pub(super) fn in_words(contents: &Contents) -> String {
    let Contents { rooms, users, messages, sessions, schema, epoch, .. } = contents;
    format!(
        "{rooms} rooms, {users} users, {messages} messages, {sessions} sessions, schema {schema}, epoch {epoch}"
    )
}

/// The same for programs.
pub(super) fn json_of(contents: &Contents) -> Value {
    json!({
        "epoch": contents.epoch,
        "schema": contents.schema,
        "rooms": contents.rooms,
        "users": contents.users,
        "messages": contents.messages,
        "participants": contents.participants,
        "sessions": contents.sessions,
        "control_entries": contents.control_entries,
    })
}

/// The fields of two objects in one.
pub(super) fn together(mut one: Value, other: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (one.as_object_mut(), other) {
        fields.extend(more);
    }
    one
}
