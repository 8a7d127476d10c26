//! All that the server shows of a room, page by page, compared with what was acknowledged.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::Client;

/// Reads the room `general` back to its first message: it holds every acknowledged message once, under its number, and
/// its numbers have no hole.
pub(crate) async fn check(client: &mut Client, ledger: &BTreeMap<String, i64>) {
    let joined = client.join("general").await;
    let mut pages = vec![joined["messages"].as_array().unwrap().clone()];
    while pages.last().unwrap()[0]["seq"] != 1 {
        let before = &pages.last().unwrap()[0]["seq"];
        let request = json!({"type": "get_history", "room": "general", "before": before, "limit": 100});
        let page = client.ask(request).await;
        pages.push(page["messages"].as_array().unwrap().clone());
    }
    let messages: Vec<Value> = pages.into_iter().rev().flatten().collect();
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
