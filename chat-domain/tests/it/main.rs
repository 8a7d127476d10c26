//! The reference repository keeps the contract, and the rules hold for any sequence of commands.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chat_domain::{MemoryRepository, contract};

mod properties;

#[test]
fn the_memory_repository_keeps_the_contract() {
    contract::check_all(|| MemoryRepository::new("epoch"));
}
