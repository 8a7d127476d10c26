//! The connection is cut before the answer to a send comes: the client comes back and sends again with the same key. The
//! message is there once, and the retry gets the ack of what is stored.

use std::collections::HashMap;
use std::io::ErrorKind;

use futures_util::StreamExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use super::pages;
use crate::outage::ledger::Ledger;
use crate::outage::server::{ChatServer, message};
use crate::process::sign_up;
use crate::support::proxy::{Cut, Ending, Place, Proxy};
use crate::support::{Client, DEADLINE, Database, on_each_backend, run};

const ACK: &str = r#""type":"ack""#;
const PLACES: [Place; 3] = [Place::BehindRequest, Place::Before(ACK), Place::Within(ACK)];
const ENDINGS: [Ending; 2] = [Ending::Fin, Ending::Rst];
/// How often each way of cutting is tried before each way of coming back.
const TIMES: usize = 3;
/// Sends that are under way when the connection is cut.
const UNDER_WAY: usize = 2;

/// What happens before the client sends again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Restart,
    Leaving,
}

#[test]
fn a_send_whose_answer_was_cut_off_is_stored_once_and_the_retry_gets_the_ack_of_what_is_stored() {
    on_each_backend(|database| {
        run(async {
            let mut scene = Scene::new(database).await;
            for before in [Before::Nothing, Before::Restart, Before::Leaving] {
                scene.cut_and_come_back(before).await;
            }
            scene.ledger.check(&scene.database.url);
            let held = scene.ledger.told().map(|(key, told)| (key.to_owned(), told.seq)).collect();
            pages::check(&mut scene.client().await, &held).await;
            let Scene { ledger, sends, stored, heard, .. } = &scene;
            println!("{sends} sends without an answer, {stored} of them stored; {} messages", ledger.len());
            assert_eq!(ledger.len(), *sends, "none is lost");
            assert!(heard.values().all(|&times| times == 1), "nobody hears a retry: {heard:?}");
        });
    });
}

struct Scene {
    server: ChatServer,
    proxy: Proxy,
    token: String,
    /// Somebody who hears the room.
    witness: Client,
    ledger: Ledger,
    /// How often the witness heard each message.
    heard: HashMap<String, usize>,
    sends: usize,
    /// Sends whose message was found in the tables although no answer came.
    stored: usize,
    database: Database,
}

impl Scene {
    async fn new(database: Database) -> Self {
        let server = ChatServer::start(&database.url);
        let token = sign_up(server.process.address, "ann").await;
        let mut witness = server.sign_up("witness").await;
        witness.join("general").await;
        let proxy = Proxy::to(server.process.address.to_string());
        let (ledger, heard) = (Ledger::default(), HashMap::new());
        Self { server, proxy, token, witness, ledger, heard, sends: 0, stored: 0, database }
    }

    /// A connection of the sender, in the room, past the proxy.
    async fn client(&self) -> Client {
        let mut client = Client::with_bearer(self.server.process.address, &self.token).await;
        client.join("general").await;
        client
    }

    /// Loses answers in every way, and sends again after something happened.
    async fn cut_and_come_back(&mut self, before: Before) {
        let mut in_doubt = Vec::new();
        for _ in 0..TIMES {
            for (place, ending) in PLACES.into_iter().flat_map(|place| ENDINGS.map(|ending| (place, ending)))
            {
                let keys = self.lose_an_answer(Cut { place, ending }).await;
                if before == Before::Nothing {
                    self.send_again(&mut self.client().await, &keys).await;
                }
                in_doubt.extend(keys);
            }
        }
        match before {
            Before::Nothing => {}
            Before::Restart => {
                self.restart().await;
                self.send_again(&mut self.client().await, &in_doubt).await;
            }
            Before::Leaving => self.send_again_after_leaving(&in_doubt).await,
        }
        self.listen().await;
    }

    /// Sends over a connection that is cut before the client hears an answer; gives back the keys.
    async fn lose_an_answer(&mut self, cut: Cut) -> Vec<String> {
        let mut client = Client::with_bearer(self.proxy.address, &self.token).await;
        client.join("general").await;
        self.proxy.cut(cut);
        let keys: Vec<String> = (0..UNDER_WAY).map(|n| format!("k{}", self.sends + n)).collect();
        self.sends += UNDER_WAY;
        let mut is_cut = false;
        for key in &keys {
            // The connection may have been cut behind the first; then this is how it is noticed.
            is_cut |= client.try_send(message("general", key)).await.is_err();
        }
        let ending = ending_of(client).await;
        assert!(ending == cut.ending || is_cut, "{cut:?} looked like {ending:?}");
        self.ledger.check_new(&self.database.url);
        let stored = keys.iter().filter(|key| self.ledger.is_stored(key)).count();
        self.stored += stored;
        assert!(stored > 0 || cut.place == Place::BehindRequest, "an answer was on its way: {cut:?}");
        keys
    }

    /// Sends again, twice; what the tables had before must be what the acks say.
    async fn send_again(&mut self, client: &mut Client, keys: &[String]) {
        for key in keys.iter().chain(keys) {
            self.ledger.note(key, &client.ask(message("general", key)).await);
        }
        self.ledger.check_new(&self.database.url);
    }

    /// Whoever left gets the ack of what is stored all the same, and can store nothing.
    async fn send_again_after_leaving(&mut self, keys: &[String]) {
        let mut client = self.client().await;
        let left = client.ask(json!({"type": "leave_room", "room": "general"})).await;
        assert_eq!(left["type"], "ack", "{left}");
        self.ledger.check_new(&self.database.url);
        for key in keys {
            let answer = client.ask(message("general", key)).await;
            if self.ledger.is_stored(key) {
                self.ledger.note(key, &answer);
            } else {
                assert_eq!(answer["code"], "not_a_member", "{answer}");
            }
        }
        client.join("general").await;
        self.send_again(&mut client, keys).await;
    }

    /// Kills the server and starts another one.
    async fn restart(&mut self) {
        self.listen().await;
        self.server.process.signal("-KILL");
        self.witness.closed().await;
        self.server = ChatServer::start(&self.database.url);
        self.proxy = Proxy::to(self.server.process.address.to_string());
        self.witness = self.client().await;
    }

    /// Counts what the witness has heard.
    async fn listen(&mut self) {
        for event in self.witness.everything().await {
            if let Some(key) = event["message"]["key"].as_str() {
                self.ledger.hear(&event);
                *self.heard.entry(key.to_owned()).or_default() += 1;
            }
        }
    }
}

/// How the connection ended. Nothing whole may come before that but messages.
async fn ending_of(mut client: Client) -> Ending {
    let read = async {
        loop {
            match client.socket.next().await {
                Some(Ok(frame)) => {
                    let text = frame.into_text().unwrap();
                    assert!(!text.contains(ACK), "an answer came: {text}");
                }
                Some(Err(Error::Io(error))) if error.kind() == ErrorKind::ConnectionReset => {
                    return Ending::Rst;
                }
                Some(Err(Error::Protocol(_))) | None => return Ending::Fin,
                Some(Err(error)) => panic!("{error:?}"),
            }
        }
    };
    tokio::time::timeout(DEADLINE, read).await.expect("the connection is cut")
}
