//! Several senders with many sends under way, in several rooms, who come back with what was not acknowledged.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::outage::ledger::Ledger;
use crate::outage::server::{ChatServer, message};
use crate::process::sign_up;
use crate::support::{Client, DEADLINE};

const ROOMS: [&str; 4] = ["general", "workout-tips", "nutrition", "progress"];
/// Connections that send; three in each room.
const SENDERS: usize = 12;
/// Whose they are, several of each. To make more accounts takes long on a busy machine.
const PEOPLE: usize = 4;
/// Sends that a connection has under way.
const UNDER_WAY: usize = 12;

/// Everybody who sends, and what they were told.
pub(super) struct Crowd {
    senders: Vec<Sender>,
    pub(super) scene: Rc<Scene>,
}

/// What the senders share.
#[derive(Default)]
pub(super) struct Scene {
    pub(super) ledger: RefCell<Ledger>,
    /// Sends that were refused.
    pub(super) refusals: Cell<usize>,
    /// Sends that were repeated with the same key.
    pub(super) retries: Cell<usize>,
    /// Whether nothing new is to be sent.
    pub(super) is_over: Cell<bool>,
    /// Whether the server has no disk. SQLite takes a page that the disk does not give for a damaged one, for which the
    /// server asks nobody to try again.
    pub(super) is_disk_gone: Cell<bool>,
}

/// One connection after the other of somebody who sends.
struct Sender {
    name: String,
    room: &'static str,
    token: String,
    /// How many keys were drawn.
    keys: usize,
    /// What was sent, or was to be sent, and has no ack.
    in_doubt: VecDeque<String>,
}

impl Crowd {
    /// Registers everybody.
    pub(super) async fn sign_up(server: &ChatServer) -> Self {
        let mut tokens = Vec::new();
        for n in 0..PEOPLE {
            tokens.push(sign_up(server.process.address, &format!("person{n}")).await);
        }
        let sender = |n: usize| Sender {
            name: format!("sender{n}"),
            room: ROOMS[n % ROOMS.len()],
            token: tokens[n / ROOMS.len() % PEOPLE].clone(),
            keys: 0,
            in_doubt: VecDeque::new(),
        };
        Self { senders: (0..SENDERS).map(sender).collect(), scene: Rc::default() }
    }

    /// Everybody connects and sends until the connection ends or the first refusal comes.
    pub(super) async fn send_until_it_ends(&mut self, address: SocketAddr) {
        let scene = &self.scene;
        join_all(self.senders.iter_mut().map(|sender| sender.send(address, scene))).await;
    }

    /// Sends what has no ack until it has one.
    pub(super) async fn settle(&mut self, address: SocketAddr) {
        self.scene.is_over.set(true);
        self.send_until_it_ends(address).await;
        assert_eq!(self.in_doubt().count(), 0, "everything is acknowledged at last");
    }

    /// Sends without an ack.
    pub(super) fn in_doubt(&self) -> impl Iterator<Item = &str> {
        self.senders.iter().flat_map(|sender| sender.in_doubt.iter().map(String::as_str))
    }
}

impl Sender {
    /// Connects, and sends until the connection ends, the first refusal comes, or nothing is left to send. A server that
    /// is killed meanwhile is no failure.
    async fn send(&mut self, address: SocketAddr, scene: &Scene) {
        let Some(mut client) = self.connect(address).await else { return };
        let (mut under_way, mut may_send) = (HashMap::new(), true);
        loop {
            while may_send && under_way.len() < UNDER_WAY {
                let Some(key) = self.next_key(scene) else { break };
                match client.try_send(message(self.room, &key)).await {
                    Ok(id) => drop(under_way.insert(id, key)),
                    Err(_) => {
                        self.in_doubt.push_back(key);
                        may_send = false;
                    }
                }
            }
            if under_way.is_empty() {
                return;
            }
            // Also after a failed send: what the server wrote before its end is still to be read.
            let Some(event) = next(&mut client).await else { break };
            let key = event["re"].as_str().and_then(|id| under_way.remove(id));
            match (event["type"].as_str().unwrap(), key) {
                ("ack", Some(key)) => scene.ledger.borrow_mut().note(&key, &event),
                ("new_message", _) => scene.ledger.borrow_mut().hear(&event),
                ("error", Some(key)) => {
                    let seems_damaged = scene.is_disk_gone.get() && event["code"] == "internal";
                    assert!(event["retry_after_ms"].is_u64() || seems_damaged, "{event}");
                    scene.refusals.set(scene.refusals.get() + 1);
                    self.in_doubt.push_back(key);
                    may_send = false;
                }
                ("error" | "ack", None) => panic!("{event}"),
                _ => {}
            }
        }
        self.in_doubt.extend(under_way.into_values());
    }

    /// A connection in the room, unless the server is gone.
    async fn connect(&self, address: SocketAddr) -> Option<Client> {
        let bearer = format!("Bearer {}", self.token);
        let mut client = Client::open(address, &[("authorization", &bearer)]).await.ok()?;
        client.try_send(json!({"type": "join_room", "room": self.room})).await.ok()?;
        while next(&mut client).await?["type"] != "room_joined" {}
        Some(client)
    }

    /// What has no ack comes first. A key says where it begins and ends, so that it is found among other bytes.
    fn next_key(&mut self, scene: &Scene) -> Option<String> {
        let retried = self.in_doubt.pop_front();
        if retried.is_some() {
            scene.retries.set(scene.retries.get() + 1);
        }
        retried.or_else(|| {
            (!scene.is_over.get()).then(|| {
                self.keys += 1;
                format!("<{}-{}>", self.name, self.keys)
            })
        })
    }
}

/// The next event; `None` when the connection has ended.
async fn next(client: &mut Client) -> Option<Value> {
    tokio::time::timeout(DEADLINE, client.next()).await.expect("an answer, or the end of the connection").ok()
}
