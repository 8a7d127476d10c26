//! Rooms: counting, catching up, resets, another database, and who is a member.

use chat_protocol::client::{Event, Position, RoomView, Take};
use chat_protocol::events::RoomLeftReason;
use serde_json::json;

use super::desk::{Desk, general, message};

fn takes(desk: &Desk) -> Vec<Take> {
    let take = |event: &Event| if let Event::Room { take, .. } = event { Some(*take) } else { None };
    desk.events.iter().filter_map(take).collect()
}

fn told(desk: &Desk) -> Vec<i64> {
    let seq =
        |event: &Event| if let Event::Message(message) = event { Some(message.seq.get()) } else { None };
    desk.events.iter().filter_map(seq).collect()
}

#[test]
fn the_next_number_is_applied_and_a_known_one_ignored() {
    let mut desk = Desk::in_general();
    for seq in [8, 8, 7, 3, 9] {
        desk.live(seq);
    }
    assert_eq!(told(&desk), [8, 9]);
    assert!(desk.asked_types().is_empty());
}

#[test]
fn a_higher_number_makes_the_client_ask_for_what_it_missed_once() {
    let mut desk = Desk::in_general();
    desk.live(9);
    let asked = desk.asked("join_room");
    assert_eq!((&asked["after"], &asked["epoch"]), (&json!(7), &json!("e1")));
    desk.live(10);
    assert!(desk.asked_types().is_empty(), "one question at a time");
    desk.joined(&asked, 9, json!([message(8, "x", None), message(9, "x", None)]), false);
    assert_eq!(takes(&desk), [Take::Changes]);
    let again = desk.asked("join_room");
    assert_eq!(again["after"], 9, "10 overtook the answer");
    desk.joined(&again, 10, json!([message(10, "x", None)]), false);
    desk.live(11);
    assert_eq!((told(&desk), desk.asked_types().len()), (vec![11], 0));
}

#[test]
fn a_number_without_content_is_a_hole_unless_it_is_known() {
    for unknown in ["changed", "reaction_of_a_newer_server"] {
        let mut desk = Desk::in_general();
        desk.hear(json!({"type": unknown, "room": "general", "seq": 7}));
        assert!(desk.asked_types().is_empty());
        desk.hear(json!({"type": unknown, "room": "general", "seq": 8}));
        assert_eq!(desk.asked("join_room")["after"], 7, "{unknown}");
    }
}

#[test]
fn a_reconnect_resumes_from_the_position_and_a_reset_replaces_what_is_held() {
    let mut desk = Desk::in_general();
    desk.come_back(true);
    let asked = desk.asked("join_room");
    assert_eq!((&asked["after"], &asked["epoch"]), (&json!(7), &json!("e1")));
    desk.joined(&asked, 900, json!([message(900, "x", None)]), true);
    assert_eq!(takes(&desk), [Take::Afresh]);
    assert_eq!(desk.client.position(&general()).unwrap().seq.get(), 900);
}

#[test]
fn a_position_that_the_application_kept_is_resumed() {
    let mut desk = Desk::connected();
    desk.join(Some(Position { epoch: "e1".to_owned(), seq: chat_domain::Seq::new(5) }));
    let asked = desk.asked("join_room");
    assert_eq!((&asked["after"], &asked["epoch"]), (&json!(5), &json!("e1")));
    desk.joined(&asked, 7, json!([message(6, "x", None)]), false);
    assert_eq!(takes(&desk), [Take::Changes]);
}

#[test]
fn another_epoch_makes_the_client_drop_its_position_by_itself() {
    let mut desk = Desk::in_general();
    desk.close(None);
    desk.client.opened(chat_domain::Timestamp::from_unix_ms(0));
    desk.welcome("e2");
    let asked = desk.asked("get_rooms");
    desk.answer(&asked, json!({"type": "rooms_list", "rooms": []}));
    let asked = desk.asked("join_room");
    assert_eq!(asked.get("after"), None, "a number of another database means nothing");
    desk.joined_in("e2", &asked, 3, json!([message(3, "x", None)]), false);
    assert_eq!(takes(&desk), [Take::Afresh]);
    assert_eq!(desk.client.position(&general()).unwrap().epoch, "e2");
}

#[test]
fn a_message_replaces_a_held_one_only_if_it_changed_later() {
    let mut desk = Desk::in_general();
    let mut view = RoomView::new(general(), 10);
    let edited = |changed_seq: i64, body: &str| {
        let mut edited = message(8, body, None);
        edited["changed_seq"] = json!(changed_seq);
        edited
    };
    desk.live(8);
    desk.hear(json!({"type": "new_message", "room": "general", "seq": 9, "message": edited(9, "new")}));
    desk.hear(json!({"type": "new_message", "room": "general", "seq": 10, "message": edited(8, "old")}));
    desk.events.iter().for_each(|event| view.apply(event));
    let bodies: Vec<_> = view.messages().map(|message| message.body.as_str()).collect();
    assert_eq!(bodies, ["new"]);
}

#[test]
fn a_view_holds_no_more_than_it_may() {
    let mut desk = Desk::in_general();
    let mut view = RoomView::new(general(), 3);
    (8..20).for_each(|seq| desk.live(seq));
    desk.events.iter().for_each(|event| view.apply(event));
    let seqs: Vec<_> = view.messages().map(|message| message.seq.get()).collect();
    assert_eq!((seqs, view.has_more()), (vec![17, 18, 19], true));
}

#[test]
fn a_join_is_tried_again_when_waiting_helps_and_given_up_when_not() {
    let mut desk = Desk::connected();
    desk.join(None);
    let asked = desk.asked("join_room");
    desk.refuse(&asked, "rate_limited", Some(700));
    desk.pass(699);
    assert!(desk.asked_types().is_empty());
    desk.pass(1);
    let asked = desk.asked("join_room");
    desk.pass(10_000);
    desk.pass(1_000);
    assert_eq!(desk.asked("join_room").get("after"), None, "no answer came");
    desk.joined(&asked, 7, json!([]), false);
    assert!(
        desk.events.iter().all(|event| !matches!(event, Event::Room { .. })),
        "an answer that was given up"
    );
    let mut desk = Desk::connected();
    desk.join(None);
    let asked = desk.asked("join_room");
    desk.refuse(&asked, "unknown_room", None);
    assert!(matches!(desk.events.last(), Some(Event::RoomRefused { .. })));
    desk.pass(60_000);
    assert!(!desk.asked_types().contains(&"join_room".to_owned()));
}

#[test]
fn a_room_that_was_left_elsewhere_while_the_connection_was_down_is_not_joined_again() {
    let mut desk = Desk::in_general();
    desk.close(None);
    desk.open();
    assert_eq!(desk.asked_types(), ["get_rooms"], "joining would undo a leave on another device");
    let mut desk = Desk::in_general();
    desk.come_back(false);
    assert!(desk.asked_types().is_empty());
    let left = Event::RoomLeft { room: general(), reason: RoomLeftReason::Unknown };
    assert!(desk.events.contains(&left));
}

#[test]
fn a_leave_is_done_when_there_is_a_connection_and_a_change_of_mind_joins_afresh() {
    let mut desk = Desk::in_general();
    desk.close(None);
    desk.leave();
    desk.open();
    let asked = desk.asked("leave_room");
    desk.join(None);
    desk.answer(&asked, json!({"type": "ack"}));
    assert_eq!(desk.asked("join_room").get("after"), None);
}

#[test]
fn a_membership_that_ends_while_it_is_made_is_decided_by_the_answer() {
    let left = json!({"type": "room_left", "room": "general", "reason": "left"});
    let mut desk = Desk::connected();
    desk.join(None);
    let asked = desk.asked("join_room");
    desk.hear(left.clone());
    desk.joined(&asked, 7, json!([]), false);
    assert!(desk.client.is_live(&general()), "the end was that of an earlier membership");
    desk.events.clear();
    desk.live(9);
    let asked = desk.asked("join_room");
    desk.hear(left.clone());
    desk.joined(&asked, 9, json!([message(9, "x", None)]), false);
    assert!(takes(&desk).is_empty(), "changes to what was dropped are no room");
    assert_eq!(desk.asked("join_room").get("after"), None);
    let mut desk = Desk::in_general();
    desk.hear(left);
    desk.live(8);
    assert!(told(&desk).is_empty() && desk.asked_types().is_empty() && !desk.client.is_live(&general()));
}

#[test]
fn typing_is_told_at_most_once_in_3_seconds_and_its_end_only_after_a_start() {
    let mut desk = Desk::in_general();
    desk.typing_stopped();
    desk.typing();
    desk.pass(2_999);
    desk.typing();
    assert_eq!(desk.asked_types(), ["typing_start"]);
    desk.pass(1);
    desk.typing();
    desk.typing_stopped();
    desk.typing_stopped();
    assert_eq!(desk.asked_types(), ["typing_start", "typing_stop"]);
    desk.close(None);
    desk.pass(3_000);
    desk.typing();
    assert!(desk.asked_types().is_empty(), "nobody hears it");
}

#[test]
fn a_list_of_rooms_that_is_refused_is_asked_for_ever_more_slowly_and_told() {
    let mut desk = Desk::in_general();
    desk.close(None);
    desk.open();
    for wait_ms in [1_000, 2_000, 4_000] {
        let asked = desk.asked("get_rooms");
        desk.refuse(&asked, "internal", None);
        assert!(
            matches!(desk.events.last(), Some(Event::Refused { refusal, .. }) if refusal.code == "internal")
        );
        desk.pass(wait_ms - 1);
        assert_eq!(desk.asked_types(), [""; 0]);
        desk.pass(1);
    }
    let asked = desk.asked("get_rooms");
    desk.refuse(&asked, "overloaded", Some(0));
    assert_eq!(desk.wakes_in(), 8_000);
}
