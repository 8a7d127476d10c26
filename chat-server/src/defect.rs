//! A node whose store has a defect, for tests of what becomes of those who meet it.

use std::sync::Arc;

use chat_domain::{Command, Room, RoomDescription, RoomId, RoomName, Seq, Timestamp};
use chat_store::password::{PasswordHasher, PasswordParams};
use clap::Parser;

use crate::clock::SystemClock;
use crate::config::{Config, Settings};
use crate::failure::Failure;
use crate::node::Node;
use crate::node::metrics::Waiting;
use crate::passwords::Passwords;
use crate::server::{Foundation, new_node};
use crate::store_access::{ReadWork, StoreAccess, Ticket};

/// A store with a defect: whoever gives it something to do, panics.
struct Defect;

impl StoreAccess for Defect {
    fn submit(&self, _: Command, _: Ticket) -> Result<(), Failure> {
        panic!("a defect")
    }

    fn read(&self, _: ReadWork) -> Result<(), Failure> {
        panic!("a defect")
    }

    fn waiting(&self) -> Waiting {
        Waiting::default()
    }

    fn stop(&self) {}
}

/// The secret key of the node.
pub(crate) const SECRET: &str = "of a test";

/// A node that knows the room `general`.
pub(crate) fn node() -> Arc<Node> {
    node_on(Box::new(Defect))
}

/// A node on a store, that knows the room `general` and lets everybody send as fast as they like.
pub(crate) fn node_on(store: Box<dyn StoreAccess>) -> Arc<Node> {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let settings = ["chat-server", "--secret-key", SECRET, "--data-dir", folder];
    let unlimited = ["--limit-messages-per-second", "0"];
    let settings = Settings::parse_from(settings.into_iter().chain(unlimited));
    let config = Config::from_settings(&settings).unwrap();
    let clock = Arc::new(SystemClock::start());
    let (address, epoch) = (config.bind, "epoch".to_owned());
    let passwords = Passwords::new(PasswordHasher::new(PasswordParams::default()), 1);
    let foundation = Foundation { address, clock, epoch, warnings: Vec::new(), passwords, shards: 1 };
    let node = new_node(&config, foundation).unwrap();
    node.directory.replace(vec![Room {
        id: RoomId::new(1),
        name: RoomName::new("general").unwrap(),
        description: RoomDescription::new("").unwrap(),
        created_at: Timestamp::default(),
        is_active: true,
        last_seq: Seq::ZERO,
        members: 0,
        announces_members: false,
    }]);
    assert!(node.store.set(store).is_ok());
    Arc::new(node)
}
