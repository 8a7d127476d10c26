//! Passwords on threads of their own, so that sign-ins never hold up the chat.

use std::sync::Arc;

use chat_domain::PasswordHash;
use chat_store::WorkerPool;
use chat_store::password::{PasswordHasher, Verdict};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::priority;

/// The hasher and its threads.
pub(crate) struct Passwords {
    hasher: Arc<PasswordHasher>,
    place: Place,
}

/// Where a password is hashed.
enum Place {
    /// On threads of their own.
    Threads(WorkerPool),
    /// Where it is asked for: in virtual time nobody may wait for a thread.
    #[cfg(feature = "fuzzing")]
    Here,
}

/// Password checks that may wait for a thread, at most; one more is refused.
const WAITING_MAX: usize = 32;

impl Passwords {
    pub(crate) fn new(hasher: PasswordHasher, threads: usize) -> Self {
        let pool = WorkerPool::new("password", threads, WAITING_MAX);
        Self { hasher: Arc::new(hasher), place: Place::Threads(pool) }
    }

    /// Passwords without a thread.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn without_threads(hasher: PasswordHasher) -> Self {
        Self { hasher: Arc::new(hasher), place: Place::Here }
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<PasswordHash, Failure> {
        let hasher = Arc::clone(&self.hasher);
        self.run(move || hasher.hash(&password)).await?.map_err(|error| Failure::internal(&error.to_string()))
    }

    /// Checks a password against a hash; without one it costs the same, so that nobody learns who exists.
    /// Gives back the hash to store instead, where the held one is weaker than today's.
    pub(crate) async fn verify(
        &self,
        password: String,
        hash: Option<PasswordHash>,
    ) -> Result<Verified, Failure> {
        let hasher = Arc::clone(&self.hasher);
        self.run(move || {
            let Some(hash) = hash else {
                hasher.verify_dummy(&password);
                return Verified::Wrong;
            };
            match hasher.verify(&password, &hash) {
                Verdict::Wrong => Verified::Wrong,
                Verdict::Right { rehash: false } => Verified::Right { stronger: None },
                Verdict::Right { rehash: true } => Verified::Right { stronger: hasher.hash(&password).ok() },
            }
        })
        .await
    }

    /// How many hashes wait for a thread.
    pub(crate) fn waiting(&self) -> usize {
        match &self.place {
            Place::Threads(pool) => pool.queued(),
            #[cfg(feature = "fuzzing")]
            Place::Here => 0,
        }
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        match &self.place {
            Place::Threads(pool) => {
                let job = move || {
                    priority::stand_back(priority::PASSWORDS);
                    drop(answer.send(work()));
                };
                pool.submit(job).map_err(|_| Failure::overloaded())?;
            }
            #[cfg(feature = "fuzzing")]
            Place::Here => drop(answer.send(work())),
        }
        answered.await.map_err(|_| Failure::internal("a password thread failed"))
    }
}

/// Whether a password is right.
pub(crate) enum Verified {
    /// It is.
    Right {
        /// A hash of the same password with today's parameters, where the held one has weaker ones.
        stronger: Option<PasswordHash>,
    },
    /// It is not, or there is nobody of that name.
    Wrong,
}
