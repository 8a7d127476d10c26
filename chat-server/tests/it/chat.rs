//! Two people chat, and it is kept.

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, TestServer, on_each_backend, run};

#[test]
fn two_people_chat_and_a_restart_keeps_what_they_said() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            let mut bob = Client::sign_up(&server, "bob").await;
            ann.join("general").await;
            bob.join("general").await;
            let ack = ann.say("general", "hi", "k1").await;
            let heard = bob.hear("hi").await;
            let own = ann.hear("hi").await;
            assert_eq!(heard, own, "everybody gets the same event");
            assert_eq!(heard["seq"], ack["seq"]);
            assert_eq!(heard["message"]["id"], ack["message_id"]);
            assert_eq!(heard["message"]["created_at"], ack["created_at"]);
            assert_eq!(heard["message"]["user"]["username"], "ann");
            assert_eq!(heard["message"]["key"], "k1");
            assert_eq!(heard["message"]["kind"], "text");
            bob.say("general", "hello", "k1").await;
            ann.hear("hello").await;
            drop((ann, bob));

            let server = server.restart();
            let mut ann = Client::with_token(&server, &server.sign_in("ann").await).await;
            let joined = ann.join("general").await;
            let texts: Vec<&str> = bodies(&joined, "text");
            assert_eq!(texts, ["hi", "hello"]);
            assert_eq!(bodies(&joined, "join").len(), 2);
            let seqs: Vec<i64> = seqs(&joined);
            assert_eq!(seqs, (1..=4).collect::<Vec<_>>());
            let again = ann.say("general", "hi", "k1").await;
            assert_eq!(again["seq"], ack["seq"], "the retry after a restart gets the first ack");
            assert_eq!(again["message_id"], ack["message_id"]);
        });
    });
}

#[test]
fn a_retry_is_not_a_second_message_and_a_key_stands_for_one_message() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            ann.join("general").await;
            ann.join("nutrition").await;
            let first = ann.say("general", "once", "k").await;
            let mut second = ann.say("general", "once", "k").await;
            second["re"] = first["re"].clone();
            assert_eq!(first, second, "the same ack");
            let sending = |room: &str, body: &str| json!({"type": "send_message", "room": room, "body": body, "key": "k"});
            assert_eq!(ann.refused(sending("general", "other words")).await, "key_conflict");
            assert_eq!(ann.refused(sending("nutrition", "once")).await, "key_conflict");
            ann.ask(json!({"type": "leave_room", "room": "general"})).await;
            let left = ann.say("general", "once", "k").await;
            assert_eq!(left["message_id"], first["message_id"], "also after leaving");
            let heard = ann.everything().await;
            let messages = heard.iter().filter(|event| event["message"]["body"] == "once").count();
            assert_eq!(messages, 1);
        });
    });
}

#[test]
fn everybody_sees_one_order_without_holes() {
    on_each_backend(|database| {
        run(async {
            const EACH: usize = 100;
            let server = TestServer::start(database);
            let mut clients = Vec::new();
            for name in ["ann", "bob", "cleo"] {
                let mut client = Client::sign_up(&server, name).await;
                client.join("progress").await;
                clients.push(client);
            }
            // Nobody waits for an ack: the sends of all three are under way at once.
            for n in 0..EACH {
                for (who, client) in clients.iter_mut().enumerate() {
                    let (body, key) = (format!("{who} says {n}"), n.to_string());
                    client
                        .send(json!({"type": "send_message", "room": "progress", "body": body, "key": key}))
                        .await;
                }
            }
            let mut transcripts = Vec::new();
            for client in &mut clients {
                let mut transcript: Vec<Value> = Vec::new();
                while transcript.len() < 3 * EACH {
                    let is_text = |event: &Value| event["message"]["kind"] == "text";
                    transcript.push(client.find("the next message", is_text).await);
                }
                transcripts.push(transcript);
            }
            let seqs: Vec<i64> = transcripts[0].iter().map(|event| event["seq"].as_i64().unwrap()).collect();
            // The joins of the three have the numbers before.
            assert_eq!(seqs, (4..4 + i64::try_from(3 * EACH).unwrap()).collect::<Vec<_>>());
            assert_eq!(transcripts[0], transcripts[1]);
            assert_eq!(transcripts[0], transcripts[2]);
            for who in 0..3 {
                let own = transcripts[0].iter().filter_map(|event| {
                    let body = event["message"]["body"].as_str().unwrap();
                    body.strip_prefix(&format!("{who} says "))?.parse::<usize>().ok()
                });
                assert_eq!(
                    own.collect::<Vec<_>>(),
                    (0..EACH).collect::<Vec<_>>(),
                    "each sender's order is kept"
                );
            }
        });
    });
}

#[test]
fn texts_arrive_as_they_were_typed() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            ann.join("general").await;
            let texts = [
                "<script>alert(1)</script>",
                "'; DROP TABLE chat_message; --",
                "שלום 安 👩‍🦰",
                "a\tb\nc \"q\" \\",
            ];
            for (n, text) in texts.iter().enumerate() {
                ann.say("general", text, &format!("k{n}")).await;
                ann.hear(text).await;
            }
            let joined = ann.join("general").await;
            assert_eq!(bodies(&joined, "text"), texts);
        });
    });
}

fn bodies<'v>(event: &'v Value, kind: &str) -> Vec<&'v str> {
    let messages = event["messages"].as_array().unwrap();
    messages
        .iter()
        .filter(|message| message["kind"] == kind)
        .map(|message| message["body"].as_str().unwrap())
        .collect()
}

fn seqs(event: &Value) -> Vec<i64> {
    event["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_i64().unwrap()).collect()
}

#[test]
fn a_ping_is_answered_in_the_protocol_and_below_it() {
    run(async {
        let server = TestServer::start(crate::support::Database::sqlite());
        let mut ann = Client::sign_up(&server, "ann").await;
        assert_eq!(ann.ask(json!({"type": "ping"})).await["type"], "pong");
        ann.socket.send(Message::Ping(vec![7].into())).await.unwrap();
        let pong = async {
            loop {
                if let Some(Ok(Message::Pong(payload))) = futures_util::StreamExt::next(&mut ann.socket).await
                {
                    return payload;
                }
            }
        };
        let payload = tokio::time::timeout(crate::support::DEADLINE, pong).await.unwrap();
        assert_eq!(&payload[..], [7]);
    });
}
