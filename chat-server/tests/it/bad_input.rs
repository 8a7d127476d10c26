//! Whatever a client sends gets a stable error or a close code; the others chat on.

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, TestServer, on_each_backend, run};

#[test]
fn bad_events_get_their_error_and_the_connection_lives_on() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            ann.join("general").await;
            let long = "x".repeat(8_193);
            let send = |room: &str, body: &str, key: &str| json!({"type": "send_message", "room": room, "body": body, "key": key});
            let table = [
                (json!({"type": "drop_tables"}), "unknown_type"),
                (json!({"kind": "ping"}), "bad_field"),
                (json!({"type": 5}), "bad_field"),
                (json!({"type": "join_room"}), "bad_field"),
                (json!({"type": "join_room", "room": "no-such-room"}), "unknown_room"),
                (json!({"type": "join_room", "room": "../etc"}), "unknown_room"),
                (json!({"type": "join_room", "room": {"a": 1}}), "bad_field"),
                (json!({"type": "join_room", "room": "general", "after": "x"}), "bad_field"),
                (json!({"type": "leave_room", "room": "nutrition"}), "not_a_member"),
                (json!({"type": "get_history", "room": "nutrition", "before": 5}), "not_a_member"),
                (json!({"type": "get_history", "room": "general", "before": 5, "limit": 1000}), "bad_field"),
                (json!({"type": "mark_read", "room": "nutrition", "seq": 1}), "not_a_member"),
                (json!({"type": "typing_start", "room": "nutrition"}), "not_a_member"),
                (json!({"type": "typing_start", "room": "no-such-room"}), "unknown_room"),
                (send("nutrition", "hi", "k"), "not_a_member"),
                (send("no-such-room", "hi", "k"), "unknown_room"),
                (send("general", "", "k"), "empty_body"),
                (send("general", " \n ", "k"), "empty_body"),
                (send("general", &long, "k"), "message_too_long"),
                (send("general", "a\u{0}b", "k"), "bad_field"),
                (send("general", "hi", ""), "key_missing"),
                (json!({"type": "send_message", "room": "general", "body": "hi"}), "key_missing"),
                (send("general", "hi", "schlüssel"), "bad_field"),
                (send("general", "hi", &"k".repeat(65)), "bad_field"),
            ];
            for (event, code) in table {
                assert_eq!(ann.refused(event.clone()).await, code, "{event}");
            }
            for text in
                ["", "hello", "[]", "null", "{\"type\":\"ping\"", "{\"type\":\"ping\",\"type\":\"ping\"}"]
            {
                ann.send_text(text).await;
                assert_eq!(ann.expect("error").await["code"], "bad_json", "{text}");
            }
            let joined = ann.join("general").await;
            assert_eq!(joined["messages"].as_array().unwrap().len(), 1, "nothing was stored but the coming");
            ann.say("general", "still here", "k").await;
        });
    });
}

#[test]
fn broken_frames_close_with_their_code() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut other = Client::sign_up(&server, "other").await;
            other.join("general").await;
            let token = server.sign_up("ann").await;
            let mut binary = Client::with_token(&server, &token).await;
            binary.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
            assert_eq!(binary.closed().await, Some(1003));

            let mut long = Client::with_token(&server, &token).await;
            let text = format!("{{\"type\":\"ping\",\"x\":\"{}\"}}", "x".repeat(70_000));
            // The server may close before all of it is sent.
            let _ = long.socket.send(Message::text(text)).await;
            assert_eq!(long.closed().await, Some(1009));

            for (frame, code) in [
                (&[0x81, 0x02, b'h', b'i'][..], 1002),             // not masked
                (&[0xC1, 0x80, 0, 0, 0, 0][..], 1002),             // a reserved bit
                (&[0x83, 0x80, 0, 0, 0, 0][..], 1002),             // a reserved opcode
                (&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe][..], 1007), // not UTF-8
                (&[0x80, 0x80, 0, 0, 0, 0][..], 1002),             // a continuation of nothing
                (&[0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0][..], 1009), // 2^63 bytes announced
            ] {
                let mut broken = Client::with_token(&server, &token).await;
                tokio::io::AsyncWriteExt::write_all(broken.socket.get_mut(), frame).await.unwrap();
                assert_eq!(broken.closed().await, Some(code), "{frame:?}");
            }
            other.say("general", "the others chat on", "k").await;
        });
    });
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
