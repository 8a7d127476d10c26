//! The wall clock jumps under the running server, on both databases: nobody notices but who reads the time of a message.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Error;

use super::fake_clock::FakeClock;
use super::ledger::Ledger;
use super::server::{message, until_acknowledged};
use super::timed;
use crate::process::{Process, chat_server, sign_in, sign_up};
use crate::support::server::credentials;
use crate::support::{Client, Database, http, run};

/// Where the clock jumps to, from the right time and back over the one jump to the other.
const JUMPS: [&str; 2] = ["+3650d", "-3h"];
/// Later than sessions last.
const AFTER_SESSIONS: &str = "+31d";
/// How far two clocks that show the same may be apart, in milliseconds: the time of the test itself.
const SAME_MS: i64 = 10 * 60 * 1_000;
/// After how long typing ends that is not renewed, and after how long somebody who went is offline.
const TYPING: Duration = Duration::from_secs(6);
const GRACE: Duration = Duration::from_secs(5);
/// How much sooner than these the end may be told: the beginning took some time to be told itself.
const EARLY: Duration = Duration::from_millis(500);
/// How much later a busy machine may be.
const LATENESS: Duration = Duration::from_secs(5);
/// The longest time that a server asks somebody to wait who was a little too quick.
const WAIT_MS_MAX: u64 = 4_000;
/// Failed sign-ins in a row that are free.
const FREE_FAILURES: usize = 2;

#[test]
fn clock_jumps_change_no_order_and_end_nothing_before_its_time() {
    std::thread::scope(|scope| {
        for database in [Some(Database::sqlite()), Database::postgres()].into_iter().flatten() {
            let Some(clock) = FakeClock::right("a clock that jumps") else { return };
            scope.spawn(move || jump(&database, &clock));
        }
    });
}

fn start(database: &Database, clock: &FakeClock) -> Process {
    let mut command = clock.worn_by(chat_server());
    command.current_dir(database.folder.path()).env("DATABASE_URL", &database.url);
    command
        .env("SECRET_KEY", "a secret of the tests")
        .env("CHAT_LIMIT_LOGIN_FAILURES", FREE_FAILURES.to_string());
    Process::start(&mut command)
}

fn jump(database: &Database, clock: &FakeClock) {
    let process = start(database, clock);
    let mut scene = None;
    run(async {
        let mut jumping = Scene::new(&process).await;
        for to in JUMPS {
            jumping.be_too_quick(&process).await;
            clock.set(to);
            jumping.check(&process, to).await;
        }
        scene = Some((jumping.ledger, jumping.tokens));
    });
    let (ledger, tokens) = scene.unwrap();
    assert_eq!(process.terminate().0, Some(0));
    ledger.check(&database.url);

    // After a restart the wall clock counts.
    clock.set("+0");
    let process = start(database, clock);
    run(async {
        for token in &tokens {
            assert_eq!(upgrade(&process, token).await, 101, "no session has ended");
        }
    });
    assert_eq!(process.terminate().0, Some(0));
    clock.set(AFTER_SESSIONS);
    let process = start(database, clock);
    run(async {
        assert_eq!(upgrade(&process, &tokens[0]).await, 401, "this session has ended");
        // The clock was wrong when the server started, and is put right.
        clock.set("+0");
        let token = sign_in(process.address, "ann").await;
        assert_eq!(upgrade(&process, &token).await, 101, "a session that begins now has not ended");
    });
    assert_eq!(process.terminate().0, Some(0));
}

/// Some people on one server while its clock jumps.
struct Scene {
    ledger: Ledger,
    ann: Client,
    bob: Client,
    /// Sends more than may be sent, and tries wrong passwords.
    quick: Client,
    /// The message that was too much.
    refused: Value,
    /// The tokens of ann.
    tokens: Vec<String>,
    /// Somebody who goes and comes.
    visitor: Client,
    token_of_visitor: String,
    /// The number and the time of the first message.
    first: (i64, i64),
    messages: i64,
}

impl Scene {
    async fn new(process: &Process) -> Self {
        let token = sign_up(process.address, "ann").await;
        let mut ann = Client::with_bearer(process.address, &token).await;
        let mut bob = Client::with_bearer(process.address, &sign_up(process.address, "bob").await).await;
        let mut quick = Client::with_bearer(process.address, &sign_up(process.address, "quick").await).await;
        let token_of_visitor = sign_up(process.address, "visitor").await;
        for client in [&mut bob, &mut quick, &mut ann] {
            client.join("general").await;
        }
        quick.join("nutrition").await;
        let visitor = come(process, &token_of_visitor, &mut bob).await;
        let ack = ann.say("general", "first", "first").await;
        bob.hear("first").await;
        let mut ledger = Ledger::default();
        ledger.note("first", &ack);
        let first = (ack["seq"].as_i64().unwrap(), ack["created_at"].as_i64().unwrap());
        Self {
            ledger,
            ann,
            bob,
            quick,
            refused: Value::Null,
            tokens: vec![token],
            visitor,
            token_of_visitor,
            first,
            messages: 1,
        }
    }

    /// Uses up what somebody may send at once, and how often they may be wrong.
    async fn be_too_quick(&mut self, process: &Process) {
        for n in 0.. {
            let key = format!("quick{}-{n}", self.messages);
            self.refused = message("nutrition", &key);
            let answer = self.quick.ask(self.refused.clone()).await;
            if answer["type"] == "error" {
                assert_eq!(answer["code"], "rate_limited", "{answer}");
                break;
            }
            self.ledger.note(&key, &answer);
        }
        let mut statuses = Vec::new();
        for _ in 0..=FREE_FAILURES {
            let wrong = json!({"username": "quick", "password": "a wrong guess"});
            statuses.push(http::post(process.address, "/api/v1/login", &wrong, &[]).await.status);
        }
        assert_eq!(statuses, [401, 401, 429]);
    }

    /// What must go on after the clock jumped to there.
    async fn check(&mut self, process: &Process, to: &str) {
        self.chat(to).await;
        // Whoever was too quick waits as long as ever.
        let send = std::mem::take(&mut self.refused);
        let (waited, ack) = timed(until_acknowledged(&mut self.quick, &send)).await;
        self.ledger.note(send["key"].as_str().unwrap(), &ack);
        let (barred, _) = timed(sign_in_at_last(process)).await;
        // Who is signed in stays so, and may come in with more devices, and others may sign in.
        self.tokens.push(sign_in(process.address, "ann").await);
        for token in &self.tokens {
            assert_eq!(upgrade(process, token).await, 101, "a session has ended at {to}");
        }
        let (typed, offline) = self.stop_typing_and_go(process).await;
        self.chat(to).await;
        println!(
            "the clock at {to}: sending again after {waited:?}, signing in again after {barred:?}; typing ended after \
             {typed:?}, offline after {offline:?}"
        );
        for (what, took, promised) in [("typing", typed, TYPING), ("presence", offline, GRACE)] {
            assert!(
                took > promised - EARLY && took < promised + LATENESS,
                "{what} ended after {took:?} at {to}"
            );
        }
    }

    /// Bob no longer types, and the visitor goes: how long it is until others see the one, and the other.
    async fn stop_typing_and_go(&mut self, process: &Process) -> (Duration, Duration) {
        let Self { ann, bob, visitor, token_of_visitor, .. } = self;
        bob.send(json!({"type": "typing_start", "room": "general"})).await;
        let typing = ann.expect("user_typing").await;
        assert_eq!(typing["is_typing"], true, "{typing}");
        visitor.socket.get_mut().shutdown().await.unwrap();
        let is_gone = |event: &Value| is_of(event, "user_left", "visitor");
        let (typing, going) =
            tokio::join!(timed(ann.expect("user_typing")), timed(bob.find("the visitor's going", is_gone)));
        assert_eq!((&typing.1["is_typing"], &going.1["reason"]), (&json!(false), &json!("offline")));
        *visitor = come(process, token_of_visitor, bob).await;
        (typing.0, going.0)
    }

    /// Messages show where the clock is, and their order has nothing to do with it.
    async fn chat(&mut self, to: &str) {
        for _ in 0..3 {
            let key = format!("{}", self.messages);
            let ack = self.ann.say("general", &key, &key).await;
            let heard = self.bob.hear(&key).await;
            self.ledger.note(&key, &ack);
            let seq = self.first.0 + self.messages;
            assert_eq!((&ack["seq"], &heard["seq"]), (&json!(seq), &json!(seq)), "one after the other");
            self.messages += 1;
            let jumped_ms = ack["created_at"].as_i64().unwrap() - self.first.1;
            let off_ms = jumped_ms - in_ms(to);
            assert!(off_ms.abs() < SAME_MS, "the clock jumped by {jumped_ms} ms, not to {to}");
        }
        let page = self
            .bob
            .ask(json!({"type": "get_history", "room": "general", "before": 1_000_000, "limit": 100}));
        let page = page.await;
        let seqs: Vec<i64> = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["seq"].as_i64().unwrap())
            .collect();
        assert_eq!(seqs, (1..self.first.0 + self.messages).collect::<Vec<_>>(), "{page}");
    }
}

/// How far a setting of the clock is from the right time.
fn in_ms(offset: &str) -> i64 {
    let (number, unit_ms) = match offset.split_at(offset.len() - 1) {
        (days, "d") => (days, 24 * 60 * 60 * 1_000),
        (hours, "h") => (hours, 60 * 60 * 1_000),
        _ => panic!("{offset}"),
    };
    number.parse::<i64>().unwrap() * unit_ms
}

fn is_of(event: &Value, kind: &str, name: &str) -> bool {
    event["type"] == kind && event["user"]["username"] == name
}

/// Comes into the room, and is seen there.
async fn come(process: &Process, token: &str, witness: &mut Client) -> Client {
    let mut visitor = Client::with_bearer(process.address, token).await;
    visitor.join("general").await;
    witness.find("the visitor's coming", |event| is_of(event, "user_joined", "visitor")).await;
    visitor
}

/// The HTTP status with which a token is let in or not.
async fn upgrade(process: &Process, token: &str) -> u16 {
    match Client::open(process.address, &[("authorization", &format!("Bearer {token}"))]).await {
        Ok(_) => 101,
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

/// Signs in who guessed wrongly too often, as soon as the server lets them.
async fn sign_in_at_last(process: &Process) {
    loop {
        let answer = http::post(process.address, "/api/v1/login", &credentials("quick"), &[]).await;
        if answer.status == 200 {
            return;
        }
        let wait_ms = answer.json()["retry_after_ms"].as_u64().unwrap();
        assert!(answer.status == 429 && wait_ms <= WAIT_MS_MAX, "{}", answer.body);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
}
