//! Group commit: a batch of commands in one transaction, and what becomes of it when that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use chat_domain::{Command, CommandError, Outcome, RepositoryError, Timestamp, commit_batch};

use crate::error::again;
use crate::transactions::Transactions;

/// A command that was committed or refused, with what its sender gave along.
#[derive(Debug)]
pub struct Completed<T> {
    /// What the sender gave along, to know the answer by.
    pub ticket: T,
    /// The command.
    pub command: Command,
    /// What it did, or why it did nothing. After [`CommandError::Repository`] it may be stored: retry with the same key.
    pub result: Result<Outcome, CommandError>,
}

/// Commits a batch in one transaction; returns after the commit, in the order of the batch.
///
/// After a conflict the batch is rolled back and repeated a few times. If it fails by itself, each command is tried
/// alone, so that a bad one never sinks the others. If the database is away or full, all share that error.
pub fn commit<T>(store: &impl Transactions, now: Timestamp, batch: Vec<(Command, T)>) -> Vec<Completed<T>> {
    let (commands, tickets): (Vec<Command>, Vec<T>) = batch.into_iter().unzip();
    let results = results(store, now, &commands);
    commands
        .into_iter()
        .zip(tickets)
        .zip(results)
        .map(|((command, ticket), result)| Completed { ticket, command, result })
        .collect()
}

type CommandResult = Result<Outcome, CommandError>;

fn results(store: &impl Transactions, now: Timestamp, commands: &[Command]) -> Vec<CommandResult> {
    match together(store, now, commands) {
        Ok(results) if results.len() == commands.len() => results,
        Ok(_) => shared(commands, &RepositoryError::Internal("a batch lost results".to_owned())),
        Err(error) if commands.len() > 1 && !is_away(&error) => {
            tracing::warn!(%error, commands = commands.len(), "a batch failed; each of its commands is tried alone");
            each_alone(store, now, commands)
        }
        Err(error) => {
            if is_away(&error) {
                // Every batch fails until the database is back, and whoever asked is told why.
                tracing::debug!(%error, commands = commands.len(), "a batch was not stored");
            } else {
                tracing::warn!(%error, commands = commands.len(), "a batch was not stored");
            }
            shared(commands, &error)
        }
    }
}

/// One transaction for all. [`Transactions::write_retrying`] repeats it after a conflict.
fn together(
    store: &impl Transactions,
    now: Timestamp,
    commands: &[Command],
) -> Result<Vec<CommandResult>, RepositoryError> {
    let run = || store.write_retrying(|repository| commit_batch(repository, now, commands));
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(RepositoryError::Internal("a batch panicked".to_owned())))
}

/// A transaction for each, until the database goes away: then the rest shares that error instead of waiting for it
/// one by one.
fn each_alone(store: &impl Transactions, now: Timestamp, commands: &[Command]) -> Vec<CommandResult> {
    let mut results = Vec::with_capacity(commands.len());
    for (done, command) in commands.iter().enumerate() {
        match together(store, now, slice::from_ref(command)) {
            Ok(result) => results.extend(result),
            Err(error) if is_away(&error) => {
                results.extend(shared(commands.get(done..).unwrap_or_default(), &error));
                break;
            }
            Err(error) => results.push(Err(error.into())),
        }
    }
    results
}

fn shared(commands: &[Command], error: &RepositoryError) -> Vec<CommandResult> {
    commands.iter().map(|_| Err(again(error).into())).collect()
}

/// Whether the failure has nothing to do with the commands.
const fn is_away(error: &RepositoryError) -> bool {
    matches!(error, RepositoryError::Unavailable(_) | RepositoryError::StorageFull(_))
}
