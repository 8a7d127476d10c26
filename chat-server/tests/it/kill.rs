//! kill -9 in the middle of sends: every acknowledged message is there after the restart, once and in order.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::process::{Process, chat_server, sign_in, sign_up};
use crate::support::{Client, Database, on_each_backend, run};

/// How often the server is killed, on each database.
const CYCLES: usize = 5;
/// Acks that a sender collects before the kill.
const ACKS_PER_CYCLE: usize = 60;

#[test]
fn acknowledged_messages_survive_kill_9_once_and_in_order() {
    on_each_backend(|database| {
        let mut ledger: BTreeMap<String, i64> = BTreeMap::new();
        let mut process = start(&database);
        run(async { drop(sign_up(process.address, "ann").await) });
        for cycle in 0..CYCLES {
            run(send_until_killed(process, cycle, &mut ledger));
            process = start(&database);
            run(check(process.address, &ledger));
        }
        assert!(ledger.len() >= CYCLES * ACKS_PER_CYCLE);
    });
}

fn start(database: &Database) -> Process {
    let mut command = chat_server();
    command.current_dir(database.folder.path());
    command.env("DATABASE_URL", &database.url).env("SECRET_KEY", "a secret of the tests");
    command.env("CHAT_LIMIT_MESSAGES_PER_SECOND", "0").env("CHAT_LIMIT_LOGINS_PER_MINUTE", "0");
    Process::start(&mut command)
}

/// Keeps many sends under way, notes every ack, and kills the server in the middle of them.
async fn send_until_killed(process: Process, cycle: usize, ledger: &mut BTreeMap<String, i64>) {
    let token = sign_in(process.address, "ann").await;
    let mut ann = Client::with_bearer(process.address, &token).await;
    ann.join("general").await;
    let mut keys = BTreeMap::new();
    let mut acked = 0;
    for n in 0.. {
        let key = format!("{cycle}-{n}");
        let id = ann.send(json!({"type": "send_message", "room": "general", "body": key, "key": key})).await;
        keys.insert(id, key);
        if n < 20 {
            continue;
        }
        let ack = ann.find("an ack", |event| event["type"] == "ack").await;
        ledger.insert(keys[ack["re"].as_str().unwrap()].clone(), ack["seq"].as_i64().unwrap());
        acked += 1;
        if acked == ACKS_PER_CYCLE {
            break;
        }
    }
    process.kill();
}

/// Compares all that the server holds with the ledger.
pub(crate) async fn check(address: std::net::SocketAddr, ledger: &BTreeMap<String, i64>) {
    let token = sign_in(address, "ann").await;
    let mut ann = Client::with_bearer(address, &token).await;
    let joined = ann.join("general").await;
    let mut messages: Vec<Value> = joined["messages"].as_array().unwrap().clone();
    while messages[0]["seq"] != 1 {
        let before = messages[0]["seq"].clone();
        let page =
            ann.ask(json!({"type": "get_history", "room": "general", "before": before, "limit": 100})).await;
        messages.splice(0..0, page["messages"].as_array().unwrap().iter().cloned());
    }
    let seqs: Vec<i64> = messages.iter().map(|message| message["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (1..=joined["last_seq"].as_i64().unwrap()).collect::<Vec<_>>(), "no holes, no doubles");
    let mut held: BTreeMap<&str, i64> = BTreeMap::new();
    for message in &messages {
        if let Some(key) = message["key"].as_str() {
            let doubled = held.insert(key, message["seq"].as_i64().unwrap());
            assert_eq!(doubled, None, "{key} is there twice");
            assert_eq!(message["body"], key);
        }
    }
    for (key, seq) in ledger {
        assert_eq!(held.get(key.as_str()), Some(seq), "the acknowledged message {key}");
    }
}
