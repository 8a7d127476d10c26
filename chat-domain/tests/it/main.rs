//! The reference repository keeps the contract, and the rules hold for any sequence of commands.

use chat_domain::{MemoryRepository, contract};

mod properties;

#[test]
fn the_memory_repository_keeps_the_contract() {
    contract::check_all(|| MemoryRepository::new("epoch"));
}
