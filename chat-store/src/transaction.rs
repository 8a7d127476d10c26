//! One transaction: begin, run a use case on it, commit or roll back.

use chat_domain::{Repository, RepositoryError};
use diesel::QueryResult;
use diesel::connection::{AnsiTransactionManager, TransactionManager};

use crate::any_connection::{AnyConnection, on_backend};
use crate::error::{again, commit_error, repository_error};
use crate::opener::Purpose;

/// All repositories inside one transaction. Each trait is implemented in the file named after it.
pub(crate) struct StoreTransaction<'c> {
    connection: &'c mut AnyConnection,
    /// The first failure. PostgreSQL would answer the commit of a failed transaction with a silent rollback.
    failure: Option<RepositoryError>,
}

/// What a transaction came to.
pub(crate) struct Ran<T, E> {
    pub(crate) result: Result<T, E>,
    pub(crate) fate: Fate,
}

/// What is known of the connection, and of a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The connection is good.
    Good,
    /// Somebody else was faster: the connection is good, and repeating helps.
    Conflict,
    /// The connection must be dropped.
    Suspect,
}

/// Begins a transaction. SQLite takes the write lock at once: a transaction that reads first and writes later would
/// fail without waiting when another one wrote in between.
pub(crate) fn begin(connection: &mut AnyConnection, purpose: Purpose) -> Result<(), RepositoryError> {
    let begun = match (connection, purpose) {
        (AnyConnection::Sqlite(sqlite), Purpose::Read) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN")
        }
        (AnyConnection::Sqlite(sqlite), _) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
        }
        (AnyConnection::Postgres(postgres), Purpose::Read) => AnsiTransactionManager::begin_transaction_sql(
            postgres,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        ),
        (AnyConnection::Postgres(postgres), _) => AnsiTransactionManager::begin_transaction_sql(
            postgres,
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        ),
    };
    begun.map_err(|error| repository_error(&error))
}

/// Runs `work` in the transaction that was begun, and ends it.
pub(crate) fn run<T, E: From<RepositoryError>>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
) -> Ran<T, E> {
    let mut transaction = StoreTransaction { connection, failure: None };
    let result = work(&mut transaction);
    let failure = transaction.failure.take();
    match (result, failure) {
        (Ok(value), None) => match on_backend!(connection, |c| AnsiTransactionManager::commit_transaction(c))
        {
            Ok(()) => Ran { result: Ok(value), fate: Fate::Good },
            Err(error) => {
                let error = commit_error(&error);
                Ran { fate: fate_after(&error), result: Err(E::from(error)) }
            }
        },
        (result, failure) => {
            let rolled_back = on_backend!(connection, |c| AnsiTransactionManager::rollback_transaction(c));
            let fate = match (&failure, rolled_back) {
                (_, Err(_)) => Fate::Suspect,
                (Some(failure), Ok(())) => fate_after(failure),
                (None, Ok(())) => Fate::Good,
            };
            let result = match (result, failure) {
                (Ok(_), Some(failure)) => Err(E::from(failure)),
                (result, _) => result,
            };
            Ran { result, fate }
        }
    }
}

fn fate_after(failure: &RepositoryError) -> Fate {
    match failure {
        RepositoryError::Conflict(_) => Fate::Conflict,
        _ => Fate::Suspect,
    }
}

impl StoreTransaction<'_> {
    /// Runs a query, and remembers its failure.
    pub(crate) fn query<T>(
        &mut self,
        query: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, RepositoryError> {
        let result = query(self.connection).map_err(|error| repository_error(&error));
        self.noted(result)
    }

    /// Remembers the failure of something that is no query, such as reading a row.
    pub(crate) fn noted<T>(&mut self, result: Result<T, RepositoryError>) -> Result<T, RepositoryError> {
        result.inspect_err(|error| {
            self.failure.get_or_insert_with(|| again(error));
        })
    }
}
