//! What group commit and its news need of a store: transactions. A simulation has its own.

use chat_domain::{Repository, RepositoryError};

use crate::store::Store;

/// Something that runs transactions.
pub trait Transactions {
    /// Runs `work` on one snapshot of the data.
    ///
    /// # Errors
    /// The error of `work`, or of the store.
    fn read<T, E: From<RepositoryError>>(
        &self,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E>;

    /// Runs `work` whole or not at all, and repeats it a few times when somebody else was faster.
    ///
    /// # Errors
    /// The error of `work`, or of the store. After [`RepositoryError::Unavailable`] the work may be stored.
    fn write_retrying<T, E: From<RepositoryError>>(
        &self,
        work: impl FnMut(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E>;
}

impl Transactions for Store {
    fn read<T, E: From<RepositoryError>>(
        &self,
        work: impl FnOnce(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        Self::read(self, work)
    }

    fn write_retrying<T, E: From<RepositoryError>>(
        &self,
        work: impl FnMut(&mut dyn Repository) -> Result<T, E>,
    ) -> Result<T, E> {
        Self::write_retrying(self, work)
    }
}
