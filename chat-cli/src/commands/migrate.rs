//! `chat-cli migrate`: brings the database to the form this program needs, and back.

use chat_store::OpenError;
use chat_store::migrations::MigrationStatus;
use serde_json::{Value, json};

use crate::args;
use crate::ask;
use crate::database::Database;
use crate::error::CliError;
use crate::output::{Column, Report};

const COLUMNS: [Column; 2] = [Column::Text("MIGRATION"), Column::Text("STATE")];

/// Runs a command about migrations.
pub(super) fn run(command: &args::Migrate, database: &Database) -> Result<Report, CliError> {
    match command {
        args::Migrate::Up => up(database),
        args::Migrate::Down(request) => down(request, database),
        args::Migrate::Status => status(database),
    }
}

fn up(database: &Database) -> Result<Report, CliError> {
    let names = database.migrate_up()?;
    let text = match names.as_slice() {
        [] => "applied no migrations: none was pending".to_owned(),
        names => format!("applied {}", names.join(", ")),
    };
    Ok(Report::line(&text, json!({ "applied": names })))
}

fn down(request: &args::Down, database: &Database) -> Result<Report, CliError> {
    database.require()?;
    let steps = usize::try_from(request.steps).unwrap_or(usize::MAX);
    if !request.yes {
        consent(steps, database)?;
    }
    let names = database.migrate_down(steps)?;
    let text = match names.as_slice() {
        [] => "reverted no migrations: none was applied".to_owned(),
        names => format!("reverted {}", names.join(", ")),
    };
    Ok(Report::line(&text, json!({ "reverted": names })))
}

/// Asks, with the names of what goes.
fn consent(steps: usize, database: &Database) -> Result<(), CliError> {
    let migrations = database.migrations()?;
    let names: Vec<&str> = migrations
        .iter()
        .rev()
        .filter(|migration| migration.applied)
        .take(steps)
        .map(|migration| migration.name.as_str())
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    ask::confirm(&format!("Revert {}, and lose all that only they hold?", names.join(", ")))
}

fn status(database: &Database) -> Result<Report, CliError> {
    let migrations = database.migrations()?;
    let pending: Vec<String> = migrations
        .iter()
        .filter(|migration| !migration.applied)
        .map(|migration| migration.name.clone())
        .collect();
    let json = json!({
        "pending": pending.len(),
        "migrations": migrations.iter().map(json_of).collect::<Value>(),
    });
    let mut report = Report::table(&COLUMNS, migrations.iter().map(row_of), json);
    if !pending.is_empty() {
        let unmigrated = || CliError::from(OpenError::PendingMigrations { names: pending });
        report.complaint = Some(database.require().err().unwrap_or_else(unmigrated));
    }
    Ok(report)
}

fn row_of(migration: &MigrationStatus) -> Vec<String> {
    let state = match (migration.applied, migration.known) {
        (true, true) => "applied",
        (true, false) => "applied by a newer program",
        (false, _) => "pending",
    };
    vec![migration.name.clone(), state.to_owned()]
}

fn json_of(migration: &MigrationStatus) -> Value {
    json!({ "name": migration.name, "is_applied": migration.applied, "is_known": migration.known })
}
