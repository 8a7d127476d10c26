//! The one place that draws random numbers, from the operating system.

/// Fills a buffer with random bytes.
///
/// # Errors
/// If the operating system has none, which no current one says after its start.
fn bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

/// Where a node draws times from that nobody shall foresee. A simulation draws them from its seed.
pub(crate) trait Chance: Send + Sync {
    /// A number of milliseconds below `bound_ms`; 0 if there is no randomness.
    fn below_ms(&self, bound_ms: u64) -> u64;
}

/// The operating system's chance.
pub(crate) struct SystemChance;

impl Chance for SystemChance {
    fn below_ms(&self, bound_ms: u64) -> u64 {
        bytes::<8>().map_or(0, |bytes| u64::from_le_bytes(bytes).checked_rem(bound_ms).unwrap_or(0))
    }
}
