//! PostgreSQL goes away and comes back: refusals in time, open sockets, nothing acknowledged that is not stored.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::cluster::{Cluster, Stop};
use super::ledger::Ledger;
use super::server::{ChatServer, assert_refused, message, refused, until_acknowledged};
use super::{ANSWER, RECOVERY, timed};
use crate::process::sign_in;
use crate::support::server::credentials;
use crate::support::{Client, DEADLINE, LENIENCE, http, run};

#[test]
fn a_stopped_postgres_costs_refusals_and_no_connection() {
    survives("PostgreSQL stopped", |cluster| cluster.stop(Stop::Fast), Cluster::bring_up);
}

#[test]
fn a_crashed_postgres_costs_refusals_and_no_connection() {
    survives("PostgreSQL crashed", |cluster| cluster.stop(Stop::Immediate), Cluster::bring_up);
}

#[test]
fn a_paused_postgres_costs_refusals_and_no_connection() {
    survives("PostgreSQL paused", |cluster| cluster.signal("STOP"), |cluster| cluster.signal("CONT"));
}

/// Sends that are under way while PostgreSQL ends the server's connections, again and again.
const SENDS_WHILE_CONNECTIONS_END: usize = 60;

#[test]
fn connections_that_postgres_ends_cost_refusals_and_no_message() {
    let what = "PostgreSQL's connections ended";
    let Some(cluster) = Cluster::start(what) else { return };
    let server = ChatServer::start(&cluster.url());
    run(async {
        let mut ledger = Ledger::default();
        let mut ann = server.sign_up("ann").await;
        ann.join("general").await;
        let (mut refusals, mut slowest) = (0, Duration::ZERO);
        for n in 0..SENDS_WHILE_CONNECTIONS_END {
            let key = format!("k{n}");
            let id = ann.send(message("general", &key)).await;
            cluster.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
            );
            let (took, mut answer) = timed(ann.answer_to(&id)).await;
            slowest = slowest.max(took);
            if answer["type"] == "error" {
                assert_refused("unavailable", &answer);
                refusals += 1;
                answer = until_acknowledged(&mut ann, &message("general", &key)).await;
            }
            ledger.note(&key, &answer);
        }
        println!("{what}: {refusals} refusals, the slowest answer after {slowest:?}");
        assert!(slowest < ANSWER * LENIENCE, "{what}: an answer came after {slowest:?}");
        assert_eq!(ledger.len(), SENDS_WHILE_CONNECTIONS_END);
        ledger.check(&cluster.url());
    });
}

/// Connections that ask while PostgreSQL is paused, and how often each of them does.
const ASKING: usize = 400;
const QUESTIONS: usize = 2;
/// Messages of which a page is as long as it may be.
const LONG_MESSAGES: usize = 100;
const LONG_BYTES: usize = 1_250;

#[test]
fn after_a_pause_of_postgres_nobody_waits_for_questions_whose_time_is_up() {
    let what = "PostgreSQL paused under many questions";
    let Some(cluster) = Cluster::start(what) else { return };
    let server = ChatServer::start(&cluster.url());
    run(async {
        let mut ann = server.sign_up("ann").await;
        ann.join("general").await;
        for n in 0..LONG_MESSAGES {
            ann.say("general", &"x".repeat(LONG_BYTES), &format!("k{n}")).await;
        }
        let token = sign_in(server.process.address, "ann").await;
        let mut asking = Vec::new();
        for _ in 0..ASKING {
            asking.push(Client::with_bearer(server.process.address, &token).await);
        }
        let question = json!({"type": "get_history", "room": "general", "before": 1_000, "limit": 100});
        cluster.signal("STOP");
        for _ in 0..QUESTIONS {
            join_all(asking.iter_mut().map(|client| refused("unavailable", client, question.clone()))).await;
        }
        cluster.signal("CONT");
        let (took, page) = timed(ann.ask(question)).await;
        let figures = format!("{what}: {} questions later history came after {took:?}", ASKING * QUESTIONS);
        println!("{figures}");
        assert_eq!(page["type"], "history", "{figures}: {page}");
        assert!(took < RECOVERY * LENIENCE, "{figures}");
    });
}

/// Breaks the database under five clients, looks at what they are told, mends it, and sees all of them go on.
fn survives(what: &str, break_it: fn(&Cluster), mend: fn(&Cluster)) {
    let Some(cluster) = Cluster::start(what) else { return };
    let server = ChatServer::start(&cluster.url());
    run(async {
        let mut ledger = Ledger::default();
        let mut clients = Vec::new();
        for name in ["ann", "bob", "cleo", "dora", "eve"] {
            clients.push(server.sign_up(name).await);
        }
        let [ann, bob, cleo, dora, eve] = &mut clients[..] else { panic!("five clients") };
        for client in [&mut *ann, &mut *cleo, &mut *dora, &mut *eve] {
            client.join("general").await;
        }
        ledger.note("before", &ann.say("general", "before", "before").await);

        break_it(&cluster);
        let refusals = tokio::join!(
            refused("unavailable", ann, message("general", "during")),
            refused("unavailable", bob, json!({"type": "join_room", "room": "nutrition"})),
            refused("unavailable", cleo, json!({"type": "get_history", "room": "general", "before": 5})),
            refused("unavailable", dora, json!({"type": "get_rooms"})),
            timed(eve.ask(json!({"type": "ping"}))),
            http_is_unavailable(&server),
        );
        let (send, join, history, rooms, (pinged, _), http) = refusals;
        let again = refused("unavailable", ann, message("general", "during")).await;

        mend(&cluster);
        let returned = Instant::now();
        ledger.note("during", &until_acknowledged(ann, &message("general", "during")).await);
        let recovery = returned.elapsed();
        until_ready(&server).await;
        let figures = format!(
            "{what}: send refused after {send:?}, again {again:?}, join {join:?}, history {history:?}, rooms {rooms:?}, \
             HTTP {http:?}, ping after {pinged:?}; sends work {recovery:?} after the return, ready {:?}; {} lines of log",
            returned.elapsed(),
            server.log().lines().count()
        );
        eprintln!("{figures}");
        assert!(recovery < RECOVERY * LENIENCE, "{figures}");

        // The same connections go on.
        bob.join("nutrition").await;
        let page = cleo.ask(json!({"type": "get_history", "room": "general", "before": 100})).await;
        assert_eq!(page["type"], "history", "{page}");
        ledger.note("after", &dora.say("general", "after", "after").await);
        for key in ["before", "during", "after"] {
            eve.hear(key).await;
        }
        sign_in(server.process.address, "ann").await;
        ledger.check(&cluster.url());
    });
}

/// Over HTTP the same is said, in the same time.
async fn http_is_unavailable(server: &ChatServer) -> Duration {
    let (took, ((status, readiness), login)) = timed(async {
        let ann = credentials("ann");
        let login = http::post(server.process.address, "/api/v1/login", &ann, &[]);
        tokio::join!(server.readiness(), login)
    })
    .await;
    assert_eq!((status, &readiness["database"]), (503, &json!(false)), "{readiness}");
    assert_eq!((login.status, login.code().as_str()), (503, "unavailable"));
    assert!(login.header("retry-after").is_some());
    assert!(took < ANSWER * LENIENCE, "over HTTP it was said after {took:?}");
    took
}

async fn until_ready(server: &ChatServer) {
    let ready = async { while server.readiness().await.0 != 200 {} };
    tokio::time::timeout(DEADLINE, ready).await.expect("the server is ready again");
}
