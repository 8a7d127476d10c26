//! Fifty senders while PostgreSQL crashes and comes back: nothing lost, nothing twice, one order, and no long wait.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use super::cluster::{Cluster, Stop};
use super::ledger::Ledger;
use super::server::{ChatServer, message};
use super::{ANSWER, RECOVERY, until};
use crate::process::sign_up;
use crate::support::{Client, DEADLINE, LENIENCE, run};

const SENDERS: usize = 50;
/// Whose they are, several of each. To make more accounts takes long on a busy machine.
const PEOPLE: usize = 10;
const ROOMS: [&str; 4] = ["general", "workout-tips", "nutrition", "progress"];
/// Messages that all senders together get through before the crash.
const ACKS_BEFORE: usize = 500;
/// Messages that each sender gets through after the return.
const ACKS_AFTER: usize = 5;
/// Lines that the server may log while its database is away and everybody tries again.
const LOG_LINES_MAX: usize = 40;

/// What the senders share.
#[derive(Default)]
struct Scene {
    ledger: RefCell<Ledger>,
    /// When PostgreSQL took connections again.
    returned: Cell<Option<Instant>>,
    /// How many senders were refused at least once.
    refused: Cell<usize>,
}

/// Somebody who sends one message after the other, and counts what is heard.
struct Sender {
    client: Client,
    name: String,
    room: &'static str,
    /// The last number that was heard of the room.
    heard: i64,
    holes: usize,
    refusals: usize,
    slowest: Duration,
    /// How long after the return the first ack came.
    recovery: Option<Duration>,
}

#[test]
fn fifty_senders_lose_nothing_when_postgres_crashes_and_send_again_soon_after_its_return() {
    let Some(cluster) = Cluster::start("fifty senders") else { return };
    let server = ChatServer::start(&cluster.url());
    run(async {
        let mut tokens = Vec::new();
        for n in 0..PEOPLE {
            tokens.push(sign_up(server.process.address, &format!("person{n}")).await);
        }
        let mut senders = Vec::new();
        for n in 0..SENDERS {
            senders.push(Sender::new(&server, n, &tokens[n % PEOPLE]).await);
        }
        let (scene, lines) = (Scene::default(), server.log().lines().count());
        let (senders, ()) = tokio::join!(
            join_all(senders.into_iter().map(|sender| sender.send_all(&scene))),
            crash_and_return(&cluster, &scene)
        );
        let recoveries = senders.iter().map(|sender| sender.recovery.expect("an ack after the return"));
        let (first, last) = (recoveries.clone().min().unwrap(), recoveries.max().unwrap());
        let slowest = senders.iter().map(|sender| sender.slowest).max().unwrap();
        let refusals: usize = senders.iter().map(|sender| sender.refusals).sum();
        let holes: usize = senders.iter().map(|sender| sender.holes).sum();
        let (acks, lines) = (scene.ledger.borrow().len(), server.log().lines().count() - lines);
        let figures = format!(
            "{acks} acks, {refusals} refusals, the slowest answer after {slowest:?}; after the return the first of \
             {SENDERS} senders had an ack after {first:?}, the last after {last:?}; {lines} lines of log"
        );
        println!("{figures}");
        scene.ledger.borrow().check(&cluster.url());
        assert!(last < RECOVERY * LENIENCE && slowest < ANSWER * LENIENCE, "{figures}");
        assert_eq!(holes, 0, "every number is told, in order: {figures}");
        assert!(lines < LOG_LINES_MAX, "{figures}");
    });
}

/// Crashes the cluster under load, lets everybody be refused, and brings it back.
async fn crash_and_return(cluster: &Cluster, scene: &Scene) {
    until("the load", || scene.ledger.borrow().len() >= ACKS_BEFORE).await;
    cluster.stop(Stop::Immediate);
    until("a refusal for everybody", || scene.refused.get() == SENDERS).await;
    cluster.begin_to_start();
    until("the return", || cluster.is_up()).await;
    scene.returned.set(Some(Instant::now()));
}

impl Sender {
    async fn new(server: &ChatServer, n: usize, token: &str) -> Self {
        let (name, room) = (format!("sender{n}"), ROOMS[n % ROOMS.len()]);
        let mut client = Client::with_bearer(server.process.address, token).await;
        let heard = client.join(room).await["last_seq"].as_i64().unwrap();
        let (slowest, recovery) = (Duration::ZERO, None);
        Self { client, name, room, heard, holes: 0, refusals: 0, slowest, recovery }
    }

    /// Sends until enough was acknowledged after the return; whatever is refused is sent again with the same key.
    async fn send_all(mut self, scene: &Scene) -> Self {
        let mut after = 0;
        for n in 0.. {
            let key = format!("{}-{n}", self.name);
            let ack = self.send(&key, scene).await;
            scene.ledger.borrow_mut().note(&key, &ack);
            if let Some(returned) = scene.returned.get() {
                self.recovery.get_or_insert(returned.elapsed());
                after += 1;
            }
            if after == ACKS_AFTER {
                break;
            }
        }
        self
    }

    async fn send(&mut self, key: &str, scene: &Scene) -> Value {
        loop {
            let asked = Instant::now();
            let id = self.client.send(message(self.room, key)).await;
            let answer = self.answer_to(&id).await;
            self.slowest = self.slowest.max(asked.elapsed());
            if answer["type"] == "ack" {
                return answer;
            }
            assert!(answer["code"] == "unavailable" || answer["code"] == "overloaded", "{answer}");
            if self.refusals == 0 {
                scene.refused.set(scene.refused.get() + 1);
            }
            self.refusals += 1;
            let wait_ms = answer["retry_after_ms"].as_u64().unwrap();
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    /// Reads until the answer comes, and counts the numbers of the room on the way.
    async fn answer_to(&mut self, id: &str) -> Value {
        loop {
            let next = tokio::time::timeout(DEADLINE, self.client.next()).await.expect("an answer");
            let event = next.unwrap_or_else(|code| panic!("closed with {code:?}"));
            if event["re"] == id {
                return event;
            }
            // Lower numbers are of retries and catching up, and are ignored.
            if let Some(seq) = event["seq"].as_i64().filter(|&seq| seq > self.heard) {
                self.holes += usize::from(seq > self.heard + 1);
                self.heard = seq;
            }
        }
    }
}
