//! The outbox: once, in order, under one key.

use chat_domain::{Body, MessageKey, Timestamp};
use chat_protocol::client::{Event, OUTBOX_MESSAGES_MAX, OutboxError};
use serde_json::{Value, json};

use super::desk::{Desk, general, message};

fn ack(seq: i64) -> Value {
    json!({"type": "ack", "room": "general", "seq": seq, "message_id": "1", "created_at": 1})
}

fn sent(desk: &Desk) -> Vec<String> {
    let key = |event: &Event| if let Event::Sent { key, .. } = event { Some(key.to_string()) } else { None };
    desk.events.iter().filter_map(key).collect()
}

#[test]
fn a_lost_ack_is_made_up_for_by_the_same_key() {
    let mut desk = Desk::in_general();
    desk.send("k1");
    assert_eq!(desk.asked("send_message")["key"], "k1");
    desk.come_back(true);
    let asked = desk.asked("join_room");
    desk.joined(&asked, 7, json!([]), false);
    let asked = desk.asked("send_message");
    assert_eq!((&asked["key"], &asked["body"]), (&json!("k1"), &json!("hi")));
    desk.answer(&asked, ack(8));
    assert_eq!((sent(&desk), desk.client.outbox().count()), (vec!["k1".to_owned()], 0));
}

#[test]
fn its_own_key_in_a_message_is_as_good_as_an_ack() {
    let mut desk = Desk::in_general();
    desk.send("k1");
    let asked = desk.asked("send_message");
    desk.hear(
        json!({"type": "new_message", "room": "general", "seq": 8, "message": message(8, "hi", Some("k1"))}),
    );
    desk.answer(&asked, ack(8));
    assert_eq!(sent(&desk), ["k1"], "told once, whichever comes first");
    desk.send("k2");
    desk.come_back(true);
    let asked = desk.asked("join_room");
    desk.joined(&asked, 9, json!([message(9, "hi", Some("k2"))]), false);
    assert_eq!((sent(&desk).len(), desk.asked_types().len()), (2, 0), "the catching up showed it");
}

#[test]
fn the_key_of_somebody_else_is_not_its_own() {
    let mut desk = Desk::in_general();
    desk.send("k1");
    let mut theirs = message(8, "hi", Some("k1"));
    theirs["user"]["id"] = json!("2");
    desk.hear(json!({"type": "new_message", "room": "general", "seq": 8, "message": theirs}));
    assert_eq!((sent(&desk).len(), desk.client.outbox().count()), (0, 1));
}

#[test]
fn a_key_that_stands_for_something_else_is_for_the_server_to_refuse() {
    let mut desk = Desk::in_general();
    desk.send("k1");
    let asked = desk.asked("send_message");
    let other = message(8, "another text", Some("k1"));
    desk.hear(json!({"type": "new_message", "room": "general", "seq": 8, "message": other}));
    assert_eq!((sent(&desk).len(), desk.client.outbox().count()), (0, 1));
    desk.refuse(&asked, "key_conflict", None);
    assert!(matches!(desk.events.last(), Some(Event::SendFailed { .. })));
}

#[test]
fn what_is_unknown_goes_again_with_the_same_key_after_the_delay() {
    for code in ["unavailable", "overloaded", "storage_full", "rate_limited", "slow_mode_of_a_newer_server"] {
        let mut desk = Desk::in_general();
        desk.send("k1");
        let asked = desk.asked("send_message");
        desk.refuse(&asked, code, Some(2_000));
        desk.pass(1_999);
        assert!(desk.asked_types().is_empty(), "{code}");
        desk.pass(1);
        assert_eq!(desk.asked("send_message")["key"], "k1", "{code}");
    }
}

#[test]
fn a_send_without_an_answer_goes_again_later_and_later() {
    let mut desk = Desk::in_general();
    desk.send("k1");
    for wait_ms in [1_000, 2_000, 4_000] {
        assert_eq!(desk.asked("send_message")["key"], "k1");
        desk.pass(10_000);
        desk.hear(json!({"type": "pong"}));
        desk.pass(wait_ms - 1);
        assert!(desk.asked_types().is_empty());
        desk.pass(1);
    }
}

#[test]
fn what_waiting_does_not_help_is_given_to_the_application() {
    for code in ["message_too_long", "key_conflict", "not_a_member", "room_archived", "internal", "new_code"]
    {
        let mut desk = Desk::in_general();
        desk.send("k1");
        desk.send("k2");
        let asked = desk.asked("send_message");
        desk.refuse(&asked, code, None);
        let Some(Event::SendFailed { key, refusal, .. }) = desk.events.last() else { panic!("{code}") };
        assert_eq!((key.as_str(), &*refusal.code), ("k1", code));
        assert_eq!(desk.asked("send_message")["key"], "k2", "the next one goes on");
    }
}

#[test]
fn of_each_room_one_message_is_under_way_so_that_order_is_kept() {
    let mut desk = Desk::in_general();
    desk.send("k1");
    desk.send("k2");
    let asked = desk.asked("send_message");
    desk.refuse(&asked, "rate_limited", Some(500));
    assert!(desk.asked_types().is_empty(), "the second one waits for the first");
    desk.pass(500);
    let asked = desk.asked("send_message");
    assert_eq!(asked["key"], "k1");
    desk.answer(&asked, ack(8));
    assert_eq!(desk.asked("send_message")["key"], "k2");
}

#[test]
fn nothing_is_sent_before_the_room_is_joined() {
    let mut desk = Desk::connected();
    desk.join(None);
    desk.send("k1");
    let asked = desk.asked("join_room");
    desk.joined(&asked, 0, json!([]), false);
    assert_eq!(desk.asked("send_message")["key"], "k1");
}

#[test]
fn an_acked_message_that_the_room_does_not_hear_of_is_asked_for() {
    let mut desk = Desk::in_general();
    desk.send("k1");
    let asked = desk.asked("send_message");
    desk.answer(&asked, ack(8));
    desk.pass(2_999);
    assert!(desk.asked_types().is_empty());
    desk.pass(1);
    assert_eq!(desk.asked("join_room")["after"], 7);
}

#[test]
fn the_outbox_is_bounded_and_knows_its_keys() {
    let mut desk = Desk::connected();
    let mut add = |key: String, body: &str| {
        let (body, key) = (Body::new(body).unwrap(), MessageKey::new(key).unwrap());
        desk.client.send(general(), body, key, Timestamp::from_unix_ms(0)).map(|_| ())
    };
    for n in 0..OUTBOX_MESSAGES_MAX {
        assert_eq!(add(n.to_string(), "hi"), Ok(()));
    }
    assert_eq!(add("7".to_owned(), "hi"), Ok(()), "the same one changes nothing");
    assert_eq!(add("7".to_owned(), "ho"), Err(OutboxError::KeyTaken));
    assert_eq!(add("one more".to_owned(), "hi"), Err(OutboxError::Full));
}
