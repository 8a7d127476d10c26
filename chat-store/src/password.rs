//! Passwords: hashing and verifying with Argon2id. Both block for tens of milliseconds; the caller supplies the thread.

use argon2::password_hash::phc::PasswordHash as PhcHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use chat_domain::PasswordHash;
use thiserror::Error;

/// What a hash costs. The default is OWASP's recommendation for Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordParams {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordParams {
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, lanes: 1 }
    }
}

/// Whether a password is the one that was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right {
        /// Whether the hash was made with other parameters than those of today, so that it should be made anew.
        rehash: bool,
    },
    /// It is not.
    Wrong,
}

/// Why a password was not hashed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the password can't be hashed: {0}")]
pub struct HashError(String);

/// Hashes passwords with the same parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordHasher {
    params: PasswordParams,
}

impl PasswordHasher {
    /// A hasher with these parameters. Parameters that Argon2 doesn't allow show when hashing.
    #[must_use]
    pub const fn new(params: PasswordParams) -> Self {
        Self { params }
    }

    /// Hashes a password with a new random salt.
    ///
    /// # Errors
    /// If Argon2 doesn't allow the parameters, or the system gives no random bytes.
    pub fn hash(&self, password: &str) -> Result<PasswordHash, HashError> {
        let hash = self
            .argon2()?
            .hash_password(password.as_bytes())
            .map_err(|error| HashError(error.to_string()))?;
        Ok(PasswordHash::new(hash.to_string()))
    }

    /// Compares a password with a hash, at the cost with which the hash was made.
    #[must_use]
    pub fn verify(&self, password: &str, hash: &PasswordHash) -> Verdict {
        let Ok(parsed) = PhcHash::new(hash.as_str()) else {
            tracing::error!("a stored password hash is not in PHC string format");
            self.verify_dummy(password);
            return Verdict::Wrong;
        };
        match Argon2::default().verify_password(password.as_bytes(), &parsed) {
            Ok(()) => Verdict::Right { rehash: !self.is_current(&parsed) },
            Err(_) => Verdict::Wrong,
        }
    }

    /// Costs what [`PasswordHasher::verify`] costs, so that an unknown user takes as long as a wrong password.
    pub fn verify_dummy(&self, password: &str) {
        const SALT: &[u8] = b"nobody has this.";
        let mut output = [0_u8; Params::DEFAULT_OUTPUT_LEN];
        if let Ok(argon2) = self.argon2() {
            let hashed = argon2.hash_password_into(password.as_bytes(), SALT, &mut output);
            // The result must count for something, or the compiler may leave the work out.
            std::hint::black_box((hashed.is_ok(), output));
        }
    }

    fn argon2(&self) -> Result<Argon2<'static>, HashError> {
        let PasswordParams { memory_kib, iterations, lanes } = self.params;
        let params =
            Params::new(memory_kib, iterations, lanes, None).map_err(|error| HashError(error.to_string()))?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    fn is_current(&self, hash: &PhcHash) -> bool {
        let is_algorithm = Algorithm::try_from(hash.algorithm.as_str()) == Ok(Algorithm::Argon2id);
        let is_version = hash.version == Some(Version::V0x13.into());
        let params = Params::try_from(hash).ok();
        is_algorithm
            && is_version
            && params.is_some_and(|params| {
                let made_with = PasswordParams {
                    memory_kib: params.m_cost(),
                    iterations: params.t_cost(),
                    lanes: params.p_cost(),
                };
                made_with == self.params
            })
    }
}
