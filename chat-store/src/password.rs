//! Passwords: hashing and verifying with Argon2id. Both block for tens of milliseconds; the caller supplies the thread.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as PhcHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
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

/// Bytes of address space that a hash asks for, at least, however few it fills. glibc gives so large an allocation back
/// to the system at once; smaller ones it keeps, and several times over with several threads.
const ALLOCATION_BYTES_MIN: usize = 33 * 1024 * 1024;

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

impl HashError {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

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
        let argon2 = self.argon2()?;
        let salt = Salt::generate();
        let hash = PhcHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(argon2.params()).map_err(HashError::of)?,
            hash: Some(digest(&argon2, password, &salt).map_err(HashError::of)?),
            salt: Some(salt),
        };
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
        // Outputs are compared in constant time.
        if parsed.hash.is_some() && digest_again(password, &parsed) == parsed.hash {
            Verdict::Right { rehash: !self.is_current(&parsed) }
        } else {
            Verdict::Wrong
        }
    }

    /// Costs what [`PasswordHasher::verify`] costs, so that an unknown user takes as long as a wrong password.
    pub fn verify_dummy(&self, password: &str) {
        const SALT: &[u8] = b"nobody has this.";
        if let Ok(argon2) = self.argon2() {
            // The result must count for something, or the compiler may leave the work out.
            std::hint::black_box(digest(&argon2, password, SALT).is_ok());
        }
    }

    fn argon2(&self) -> Result<Argon2<'static>, HashError> {
        let PasswordParams { memory_kib, iterations, lanes } = self.params;
        let params = Params::new(memory_kib, iterations, lanes, None).map_err(HashError::of)?;
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

/// The work itself, in memory that goes back to the system behind it.
fn digest(argon2: &Argon2<'_>, password: &str, salt: &[u8]) -> Result<Output, argon2::Error> {
    let blocks = argon2.params().block_count();
    let mut memory = Vec::with_capacity(blocks.max(ALLOCATION_BYTES_MIN / Block::SIZE));
    memory.resize(blocks, Block::new());
    let mut output = vec![0; argon2.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut output, &mut memory)?;
    Output::new(&output).map_err(|_| argon2::Error::OutputTooLong)
}

/// Hashes a password as a hash that is held was made; `None` if that can't be done.
fn digest_again(password: &str, held: &PhcHash) -> Option<Output> {
    let algorithm = Algorithm::try_from(held.algorithm.as_str()).ok()?;
    let version = held.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(held).ok()?);
    digest(&argon2, password, held.salt.as_ref()?).ok()
}
