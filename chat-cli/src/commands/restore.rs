//! `chat-cli restore`: puts a backup in the place of the database.

use chat_store::backup::{self, BackupError, OldFile, Restore, Sessions};
use serde_json::json;

use crate::args;
use crate::commands::Clock;
use crate::commands::backup::{in_words, json_of, together};
use crate::database::Database;
use crate::error::CliError;
use crate::output::{Report, progress_line};
use crate::text::utc;

/// Restores a backup.
pub(super) fn run(
    request: &args::Restore,
    global: &args::Global,
    database: &Database,
    clock: Clock,
) -> Result<Report, CliError> {
    // A wrong file makes no folder.
    if !request.file.exists() {
        return Err(BackupError::NoFile(request.file.clone()).into());
    }
    database.make_folder()?;
    let sessions = if request.keep_sessions { Sessions::Keep } else { Sessions::Drop };
    let old = match database.file_beside(&suffix(clock)) {
        Some(path) if !request.replace => OldFile::KeepAs(path),
        _ => OldFile::Lose,
    };
    let progress = progress_line(global.json);
    let restored = database.with(|url, options| {
        let how = Restore { sessions, old };
        backup::restore(&request.file, url, options, &how, &mut |step| progress.show(step))
    });
    drop(progress);
    let restored = restored?;
    let kept = restored.kept.as_ref().map(|path| path.to_string_lossy().into_owned());
    let mut lines = vec![
        format!("restored {}: {}", request.file.display(), in_words(&restored.contents)),
        match sessions {
            Sessions::Drop => "everybody must sign in again".to_owned(),
            Sessions::Keep => "the sessions of the backup are valid again, also those ended since".to_owned(),
        },
    ];
    lines.extend(kept.as_ref().map(|path| format!("the old database is kept as {path}")));
    let done = json!({
        "file": request.file.to_string_lossy(),
        "target": database.kind(),
        "kept": kept,
    });
    let json = together(json_of(&restored.contents), done);
    Ok(Report::lines(&lines, json))
}

/// What the old file has behind its name: a time that is a good part of a file's name everywhere.
fn suffix(clock: Clock) -> String {
    let time: String = utc(clock()).chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    format!(".before-restore-{time}")
}
