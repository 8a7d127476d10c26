//! Coming back: when, how late, and when not.

use chat_protocol::client::{Chance, Client, End, Event, Refusal, Times};
use serde_json::json;

use super::desk::Desk;

#[test]
fn the_delay_is_anything_up_to_a_ceiling_that_doubles_to_30_seconds() {
    let mut desk = Desk::connected();
    for _ in 0..7 {
        desk.close(None);
    }
    assert_eq!(desk.opens, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    desk.chance = Chance::new(0);
    desk.close(None);
    assert_eq!(desk.opens.last(), Some(&0), "full jitter begins at nothing");
}

#[test]
fn a_stable_connection_starts_the_backoff_anew_and_a_short_one_does_not() {
    for (lived_ms, delay_ms) in [(9_999, 4_000), (10_000, 1_000)] {
        let mut desk = Desk::connected();
        desk.close(None);
        desk.close(None);
        desk.open();
        desk.pass(lived_ms);
        desk.close(None);
        assert_eq!(desk.opens.last(), Some(&delay_ms), "after {lived_ms} ms");
    }
}

#[test]
fn a_closing_server_says_when_to_come_back_and_the_client_adds_up_to_a_fifth() {
    for (chance, delay_ms) in [(0, 1_500), (u64::MAX, 1_800)] {
        let mut desk = Desk::connected();
        desk.chance = Chance::new(chance);
        desk.hear(json!({"type": "status", "status": "closing", "reconnect_after_ms": 1_500}));
        desk.close(Some(1012));
        assert_eq!(desk.opens, [delay_ms]);
    }
    let mut desk = Desk::connected();
    desk.hear(json!({"type": "status", "status": "closing", "reconnect_after_ms": u64::MAX}));
    desk.close(Some(1012));
    assert_eq!(desk.opens, [720_000], "a limit and its fifth");
}

#[test]
fn a_server_that_asks_for_no_delay_is_not_dialled_again_and_again() {
    let mut desk = Desk::new(Client::signed_in_by_upgrade(Times::default()));
    for _ in 0..3 {
        desk.refuse_upgrade(503, Some(0));
    }
    assert_eq!(desk.opens, [0, 1_000, 2_000, 4_000]);
}

#[test]
fn the_close_code_says_whether_to_come_back() {
    for code in [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1015, 4000, 4001, 4499] {
        let mut desk = Desk::connected();
        desk.close(Some(code));
        assert_eq!((desk.opens.len(), &desk.end), (1, &None), "{code}");
        assert_eq!(desk.events.last(), Some(&Event::Disconnected { code }));
    }
    for code in [1002, 1003, 1007, 1008, 1009, 4500, 4501, 4502, 4503, 4504, 4999] {
        let mut desk = Desk::connected();
        desk.close(Some(code));
        assert_eq!((desk.opens.len(), desk.end.clone()), (0, Some(End::Closed { code })));
        desk.pass(1_000_000);
        desk.close(None);
        assert_eq!((desk.opens.len(), desk.client.wake_at()), (0, None), "{code} is for good");
    }
}

#[test]
fn an_upgrade_that_is_refused_ends_the_client_or_is_waited_out() {
    for status in [401, 403] {
        let mut desk = Desk::new(Client::signed_in_by_upgrade(Times::default()));
        desk.refuse_upgrade(status, None);
        assert_eq!(desk.end, Some(End::Upgrade { status }));
    }
    let mut desk = Desk::new(Client::signed_in_by_upgrade(Times::default()));
    desk.refuse_upgrade(503, Some(5_000));
    assert_eq!((&desk.opens[..], &desk.end), (&[0, 6_000][..], &None));
}

#[test]
fn silence_is_asked_about_after_25_seconds_and_given_up_10_seconds_later() {
    let mut desk = Desk::connected();
    assert_eq!(desk.wakes_in(), 25_000);
    desk.pass(24_999);
    assert!(desk.asked_types().is_empty());
    desk.pass(1);
    assert_eq!(desk.asked_types(), ["ping"]);
    desk.pass(9_000);
    desk.hear(json!({"type": "pong"}));
    desk.pass(24_999);
    assert!(desk.asked_types().is_empty() && desk.closes == 0);
    desk.pass(1);
    desk.pass(10_000);
    assert_eq!((desk.asked_types(), desk.closes, desk.opens.len()), (vec!["ping".to_owned()], 1, 1));
}

#[test]
fn a_dial_that_comes_to_nothing_is_given_up_after_15_seconds() {
    let mut desk = Desk::new(Client::signed_in_by_upgrade(Times::default()));
    desk.pass(14_999);
    assert_eq!(desk.opens.len(), 1);
    desk.pass(1);
    assert_eq!((desk.opens.len(), desk.closes), (2, 1));
}

#[test]
fn the_first_frame_signs_in_and_its_refusal_ends_the_client_unless_waiting_helps() {
    let first_frame = || Client::signed_in_by_first_frame(Times::default(), "TOKEN".to_owned());
    let mut desk = Desk::new(first_frame());
    let actions = desk.client.opened(chat_domain::Timestamp::from_unix_ms(0));
    let text = format!("{actions:?}");
    assert!(text.contains("connect") && text.contains("TOKEN"), "{text}");
    assert!(!format!("{:?}", desk.client).contains("TOKEN"), "the token is for no log");
    let asked = json!({"id": "1"});
    desk.refuse(&asked, "rate_limited", Some(5_000));
    assert_eq!((&desk.opens[..], desk.closes, &desk.end), (&[0, 6_000][..], 1, &None));
    let mut desk = Desk::new(first_frame());
    desk.client.opened(chat_domain::Timestamp::from_unix_ms(0));
    desk.refuse(&asked, "unauthenticated", None);
    assert!(matches!(&desk.end, Some(End::SignIn(Refusal { code, .. })) if code == "unauthenticated"));
}
