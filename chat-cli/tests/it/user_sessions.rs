//! `chat-cli user sessions` and `chat-cli user sign-out`.

use chat_domain::{ControlAction, Session, TokenHash, User};
use serde_json::{Value, json};

use crate::chat::{Chat, on_every_database};
use crate::user::{LIFETIME_MS, find, is_signed_in, migrated, open};

fn token(number: u8) -> TokenHash {
    TokenHash::new([number; 32])
}

/// A user with two sessions that were opened one second after the other, and one that ended long ago.
fn user_with_sessions(chat: &Chat) -> (User, [Session; 2]) {
    migrated(chat).add_user("ann");
    let (user, _) = find(chat, "ann");
    let sessions = [(1, Some("Firefox on Linux"), 0), (2, None, 1_000)].map(|(number, device, later_ms)| {
        open(chat, &user, token(number), device, user.created_at.plus_ms(later_ms))
    });
    open(chat, &user, token(3), Some("long ago"), user.created_at.plus_ms(-2 * LIFETIME_MS));
    (user, sessions)
}

fn json_of(session: &Session, device: Option<&str>) -> Value {
    json!({
        "id": session.id.to_string(), "device": device, "created_at": session.created_at.unix_ms(),
        "last_seen_at": session.last_seen_at.unix_ms(), "expires_at": session.expires_at.unix_ms(),
    })
}

#[test]
fn sessions_are_listed_those_seen_last_first() {
    on_every_database(|chat| {
        let (_, [first, second]) = user_with_sessions(chat);
        let expected = json!([json_of(&second, None), json_of(&first, Some("Firefox on Linux"))]);
        assert_eq!(chat.json(&["user", "sessions", "ann"]), expected);
        let table = chat.must(&["user", "sessions", "ann"]).stdout;
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        let title: Vec<&str> = lines[0].split_whitespace().collect();
        assert_eq!(title, ["ID", "DEVICE", "CREATED", "LAST", "SEEN", "EXPIRES"]);
        assert!(lines[1].contains(&format!("{}  -  ", second.id)), "{table}");
        assert!(lines[2].contains(&format!("{}  Firefox on Linux  20", first.id)), "{table}");
        chat.add_user("bob");
        assert_eq!(chat.json(&["user", "sessions", "bob"]), json!([]));
    });
}

#[test]
fn one_session_is_ended() {
    on_every_database(|chat| {
        let (user, [first, _]) = user_with_sessions(chat);
        chat.add_user("bob");
        let id = first.id.to_string();
        let args = ["user", "sign-out", "ann", "--session", id.as_str()];
        chat.run(&["user", "sign-out", "bob", "--session", &id]).expect_error(4, "of user bob");
        assert!(is_signed_in(chat, &token(1)));
        assert!(chat.must(&args).stdout.contains(&format!("session {id} of user ann")));
        assert!(!is_signed_in(chat, &token(1)) && is_signed_in(chat, &token(2)));
        let (user_id, session_id) = (user.id(), first.id);
        assert_eq!(chat.control(), [ControlAction::SessionClosed { user_id, session_id }]);
        chat.run(&args).expect_error(4, &format!("there is no session {id} of user ann"));
        chat.run(&["user", "sign-out", "ann", "--session", "first"]).expect_code(2);
    });
}

#[test]
fn a_user_is_signed_out_everywhere() {
    on_every_database(|chat| {
        let (user, _) = user_with_sessions(chat);
        chat.add_user("bob");
        let (bob, _) = find(chat, "bob");
        open(chat, &bob, token(9), None, bob.created_at);
        let done = chat.must(&["user", "sign-out", "ann"]).stdout;
        assert!(done.contains("signed user ann out everywhere"), "{done}");
        assert!(!is_signed_in(chat, &token(1)) && !is_signed_in(chat, &token(2)));
        assert!(is_signed_in(chat, &token(9)));
        assert_eq!(chat.control(), [ControlAction::SessionsClosed { user_id: user.id() }]);
        assert_eq!(chat.json(&["user", "sign-out", "ann"])["username"], "ann", "also when nobody is");
    });
}
