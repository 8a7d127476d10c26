//! Frames that are text, and no event or a bad one: each gets its error, and the connection lives on.

use serde_json::{Value, json};

use super::Target;
use crate::support::Client;

pub(super) async fn all(target: &Target) -> usize {
    let mut ann = Client::with_bearer(target.address, &target.token).await;
    let seqs = ann.join("general").await["last_seq"].clone();
    let (events, texts) = (events(), texts());
    for (event, code) in &events {
        assert_eq!(ann.refused(event.clone()).await, *code, "{event}");
    }
    for (text, code) in &texts {
        ann.send_text(text).await;
        let shown: String = text.chars().take(100).collect();
        let error = ann.find(&shown, |event| event["type"] == "error").await;
        assert_eq!(error["code"], *code, "{shown}");
    }
    // What nobody asks for may be as deep as it likes: it is passed over without a stack.
    let deep =
        format!("{{\"type\":\"ping\",\"id\":\"deep\",\"x\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    ann.send_text(&deep).await;
    assert_eq!(ann.answer_to("deep").await["type"], "pong");
    assert_eq!(ann.join("general").await["last_seq"], seqs, "nothing was stored");
    ann.say("general", "still here", "k").await;
    first_frames(target).await + events.len() + texts.len()
}

/// Objects with an id of their own.
fn events() -> Vec<(Value, &'static str)> {
    let send = |room: Value, body: Value, key: Value| json!({"type": "send_message", "room": room, "body": body, "key": key});
    let general = |body: &str, key: &str| send(json!("general"), json!(body), json!(key));
    let history = |before: Value, limit: Value| json!({"type": "get_history", "room": "general", "before": before, "limit": limit});
    vec![
        (json!({"type": "drop_tables"}), "unknown_type"),
        (json!({"type": "new_message", "room": "general"}), "unknown_type"),
        (json!({"type": "__proto__"}), "unknown_type"),
        (json!({"type": ""}), "unknown_type"),
        (json!({"kind": "ping"}), "bad_field"),
        (json!({"type": 5}), "bad_field"),
        (json!({"type": null}), "bad_field"),
        (json!({"type": ["ping"]}), "bad_field"),
        (json!({"type": "join_room"}), "bad_field"),
        (json!({"type": "join_room", "room": null}), "bad_field"),
        (json!({"type": "join_room", "room": "no-such-room"}), "unknown_room"),
        (json!({"type": "join_room", "room": "../etc"}), "unknown_room"),
        (json!({"type": "join_room", "room": "General"}), "unknown_room"),
        (json!({"type": "join_room", "room": "<b>"}), "unknown_room"),
        (json!({"type": "join_room", "room": "general\u{0}"}), "unknown_room"),
        (json!({"type": "join_room", "room": "g".repeat(10_000)}), "unknown_room"),
        (json!({"type": "join_room", "room": {"a": 1}}), "bad_field"),
        (json!({"type": "join_room", "room": "general", "after": "x"}), "bad_field"),
        (json!({"type": "join_room", "room": "general", "after": -1}), "bad_field"),
        (json!({"type": "join_room", "room": "general", "after": 1.5}), "bad_field"),
        (json!({"type": "join_room", "room": "general", "after": 1, "epoch": 5}), "bad_field"),
        (json!({"type": "leave_room", "room": "nutrition"}), "not_a_member"),
        (history(json!("x"), json!(5)), "bad_field"),
        (history(json!(-5), json!(5)), "bad_field"),
        (history(json!(u64::MAX), json!(5)), "bad_field"),
        (history(json!(5), json!(0)), "bad_field"),
        (history(json!(5), json!(101)), "bad_field"),
        (history(json!(5), json!(-1)), "bad_field"),
        (json!({"type": "get_history", "room": "nutrition", "before": 5}), "not_a_member"),
        (json!({"type": "mark_read", "room": "nutrition", "seq": 1}), "not_a_member"),
        (json!({"type": "mark_read", "room": "general", "seq": "1"}), "bad_field"),
        (json!({"type": "typing_start", "room": "nutrition"}), "not_a_member"),
        (json!({"type": "typing_start", "room": "no-such-room"}), "unknown_room"),
        (json!({"type": "typing_stop"}), "bad_field"),
        (json!({"type": "connect"}), "bad_field"),
        (json!({"type": "connect", "token": "nobody's"}), "unauthenticated"),
        (send(json!("nutrition"), json!("hi"), json!("k")), "not_a_member"),
        (send(json!("no-such-room"), json!("hi"), json!("k")), "unknown_room"),
        (send(json!("general"), json!(5), json!("k")), "bad_field"),
        (send(json!("general"), json!(["hi"]), json!("k")), "bad_field"),
        (general("", "k"), "empty_body"),
        (general(" \n\t ", "k"), "empty_body"),
        (general("\u{200b}\u{feff}", "k"), "empty_body"),
        (general(&"x".repeat(8_193), "k"), "message_too_long"),
        (general(&"ä".repeat(4_097), "k"), "message_too_long"),
        (general("a\u{0}b", "k"), "bad_field"),
        (general("a\u{1b}[31mb", "k"), "bad_field"),
        (general("hi", ""), "key_missing"),
        (json!({"type": "send_message", "room": "general", "body": "hi"}), "key_missing"),
        (general("hi", "schlüssel"), "bad_field"),
        (general("hi", "a\nb"), "bad_field"),
        (general("hi", &"k".repeat(65)), "bad_field"),
    ]
}

/// Frames that name no id, or can't.
fn texts() -> Vec<(String, &'static str)> {
    let huge = format!("{{\"type\":\"get_history\",\"room\":\"general\",\"before\":1{}}}", "0".repeat(400));
    let plain: [(&str, &str); 15] = [
        ("", "bad_json"),
        ("hello", "bad_json"),
        ("[]", "bad_json"),
        ("null", "bad_json"),
        ("5", "bad_json"),
        ("\"ping\"", "bad_json"),
        ("{\"type\":\"ping\"", "bad_json"),
        ("{\"type\":\"ping\"}}", "bad_json"),
        ("{\"type\":\"ping\"}{\"type\":\"ping\"}", "bad_json"),
        ("{\"type\":\"ping\",\"type\":\"ping\"}", "bad_json"),
        ("{'type':'ping'}", "bad_json"),
        ("\u{feff}{\"type\":\"ping\"}", "bad_json"),
        ("{\"type\":\"\\ud800\"}", "bad_json"),
        ("{\"type\":\"ping\",\"id\":5}", "bad_field"),
        ("{\"type\":\"get_history\",\"room\":\"general\",\"before\":1e400}", "bad_json"),
    ];
    let long_id = format!("{{\"type\":\"ping\",\"id\":\"{}\"}}", "i".repeat(65));
    let mut texts: Vec<_> = plain.iter().map(|(text, code)| ((*text).to_owned(), *code)).collect();
    texts.extend([(huge, "bad_json"), (long_id, "bad_field")]);
    texts
}

/// What somebody may not do who is not signed in.
async fn first_frames(target: &Target) -> usize {
    let mut stranger = Client::open(target.address, &[]).await.unwrap();
    let table = [
        (json!({"type": "join_room", "room": "general"}), "unauthenticated"),
        (json!({"type": "ping"}), "unauthenticated"),
        (json!({"type": "connect", "token": ""}), "unauthenticated"),
        (json!({"type": "connect", "token": "x".repeat(60_000)}), "unauthenticated"),
        (json!({"type": "nonsense"}), "unknown_type"),
    ];
    for (event, code) in &table {
        assert_eq!(stranger.refused(event.clone()).await, *code, "{event}");
    }
    let answer = stranger.ask(json!({"type": "connect", "token": target.token})).await;
    assert_eq!(answer["type"], "status", "after all that the right token still signs in");
    table.len()
}
