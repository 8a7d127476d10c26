//! `chat-cli user`.

use chat_domain::{
    ControlAction, DeviceName, OpenSession, PasswordHash, Session, Timestamp, TokenHash, User, Username,
    open_session,
};
use chat_store::password::{PasswordHasher, PasswordParams, Verdict};
use serde_json::json;

use crate::chat::{Chat, PASSWORD, on_every_database};

/// How long the sessions of these tests last, in milliseconds.
pub(crate) const LIFETIME_MS: i64 = 1_000_000_000;

pub(crate) fn migrated(chat: &Chat) -> &Chat {
    chat.must(&["migrate", "up"]);
    chat
}

pub(crate) fn find(chat: &Chat, name: &str) -> (User, Option<PasswordHash>) {
    let name = Username::new(name).unwrap();
    chat.read(|repository| {
        let user = repository.find_user_by_name(&name)?.unwrap();
        let hash = repository.find_password_hash(user.id())?;
        Ok((user, hash))
    })
}

fn verifies(hash: Option<PasswordHash>, password: &str) -> bool {
    let verdict = PasswordHasher::new(PasswordParams::default()).verify(password, &hash.unwrap());
    assert_ne!(verdict, Verdict::Right { rehash: true }, "the server would hash it anew");
    verdict != Verdict::Wrong
}

/// Signs a device of a user in; the returned token finds it.
fn sign_in(chat: &Chat, user: &User) -> TokenHash {
    let token_hash = TokenHash::new([7; 32]);
    open(chat, user, token_hash, None, user.created_at);
    token_hash
}

/// Opens a session that does not end within a test.
pub(crate) fn open(
    chat: &Chat,
    user: &User,
    token_hash: TokenHash,
    device: Option<&str>,
    now: Timestamp,
) -> Session {
    let request = OpenSession {
        user_id: user.id(),
        verified: None,
        token_hash,
        device: device.and_then(DeviceName::cleaned),
        seen_at: now,
        lifetime_ms: LIFETIME_MS,
        idle_ms: LIFETIME_MS,
    };
    chat.write(|repository| Ok(open_session(repository, now, &request).unwrap()))
}

pub(crate) fn is_signed_in(chat: &Chat, token_hash: &TokenHash) -> bool {
    chat.read(|repository| repository.find_session(token_hash)).is_some()
}

#[test]
fn an_added_user_is_stored_with_a_hash_and_listed() {
    on_every_database(|chat| {
        let args = ["--json", "user", "add", "ann", "--display-name", "Ann Müller", "--password-stdin"];
        let added = migrated(chat).run_with_input(&args, &format!("{PASSWORD}\r\nsecond line\n"));
        let added = added.expect_code(0).json();
        let (user, hash) = find(chat, "ann");
        assert_eq!(user.summary.display_name.as_str(), "Ann Müller");
        assert!(verifies(hash, PASSWORD));
        let expected = json!({
            "id": user.id().to_string(), "username": "ann", "display_name": "Ann Müller",
            "is_disabled": false, "created_at": user.created_at.unix_ms(),
        });
        assert_eq!(added, expected);
        assert_eq!(chat.json(&["user", "list"]), json!([expected]));
        let table = chat.must(&["user", "list"]).stdout;
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 2, "{table}");
        assert!(lines[0].trim_start().starts_with("ID  NAME  DISPLAY NAME  STATE   CREATED"), "{table}");
        assert!(lines[1].contains("ann   Ann Müller    active  20"), "{table}");
    });
}

#[test]
fn without_a_display_name_the_user_name_is_shown() {
    let chat = Chat::on_sqlite();
    migrated(&chat).add_user("ann");
    assert_eq!(find(&chat, "ann").0.summary.display_name.as_str(), "ann");
}

#[test]
fn a_long_list_is_complete() {
    let chat = Chat::on_sqlite();
    migrated(&chat).must(&["seed", "--users", "1001"]);
    assert_eq!(chat.json(&["user", "list"]).as_array().unwrap().len(), 1_001);
}

#[test]
fn a_user_name_is_taken_once() {
    on_every_database(|chat| {
        migrated(chat).add_user("ann");
        let again = chat.run_with_input(&["user", "add", "ann", "--password-stdin"], "another password\n");
        again.expect_error(5, "there is a user ann already");
        assert!(verifies(find(chat, "ann").1, PASSWORD));
    });
}

#[test]
fn a_password_of_a_wrong_length_is_refused_and_nothing_stored() {
    let chat = Chat::on_sqlite();
    migrated(&chat);
    for password in [String::new(), "1234567".to_owned(), "x".repeat(1_025), "é".repeat(5_000)] {
        let refused = chat.run_with_input(&["user", "add", "ann", "--password-stdin"], &password);
        refused.expect_error(2, "8 to 1024 are allowed");
    }
    assert_eq!(chat.json(&["user", "list"]), json!([]));
    for (name, bytes) in [("ann", 8), ("bob", 1_024)] {
        let password = "x".repeat(bytes);
        chat.run_with_input(&["user", "add", name, "--password-stdin"], &password).expect_code(0);
        assert!(verifies(find(&chat, name).1, &password));
    }
}

#[test]
fn a_password_is_never_taken_from_the_command_line() {
    let chat = Chat::on_sqlite();
    migrated(&chat).add_user("bob");
    for command in [["user", "add", "ann"], ["user", "passwd", "bob"]] {
        for extra in [&[PASSWORD][..], &["--password", PASSWORD], &["--password-stdin=correct horse"]] {
            let args = [&command[..], extra].concat();
            chat.run_with_input(&args, "another password\n").expect_code(2);
        }
    }
    assert!(verifies(find(&chat, "bob").1, PASSWORD));
}

#[test]
fn without_a_terminal_the_password_must_be_announced() {
    let chat = Chat::on_sqlite();
    let refused = migrated(&chat).run_with_input(&["user", "add", "ann"], "a good password\n");
    assert!(refused.expect_error(2, "no terminal").stderr.contains("--password-stdin"));
}

#[test]
fn a_password_is_never_printed() {
    let chat = Chat::on_sqlite();
    migrated(&chat);
    for args in [["user", "add", "ann", "--password-stdin"], ["user", "passwd", "ann", "--password-stdin"]] {
        let done = chat.run_with_input(&args, PASSWORD).expect_code(0);
        assert!(!format!("{done:?}").contains(PASSWORD), "{done:?}");
    }
}

#[test]
fn a_new_password_counts_and_signs_the_user_out_everywhere() {
    on_every_database(|chat| {
        migrated(chat).add_user("ann");
        let (user, _) = find(chat, "ann");
        let device = sign_in(chat, &user);
        let changed = chat.run_with_input(&["user", "passwd", "ann", "--password-stdin"], "the new one\n");
        changed.expect_code(0);
        let hash = find(chat, "ann").1;
        assert!(verifies(hash.clone(), "the new one") && !verifies(hash, PASSWORD));
        assert!(!is_signed_in(chat, &device));
        assert_eq!(chat.control(), [ControlAction::SessionsClosed { user_id: user.id() }]);
    });
}

#[test]
fn a_disabled_user_is_signed_out_everywhere_and_may_be_enabled_again() {
    on_every_database(|chat| {
        migrated(chat).add_user("ann");
        let (user, _) = find(chat, "ann");
        let device = sign_in(chat, &user);
        assert_eq!(chat.json(&["user", "disable", "ann"])["is_disabled"], true);
        assert!(find(chat, "ann").0.is_disabled);
        assert!(!is_signed_in(chat, &device));
        assert!(chat.must(&["user", "list"]).stdout.contains("  disabled  "));
        assert_eq!(chat.json(&["user", "enable", "ann"])["is_disabled"], false);
        assert!(!find(chat, "ann").0.is_disabled);
        let user_id = user.id();
        let expected = [ControlAction::UserDisabled { user_id }, ControlAction::UserEnabled { user_id }];
        assert_eq!(chat.control(), expected);
    });
}

#[test]
fn an_unknown_user_is_not_found() {
    on_every_database(|chat| {
        migrated(chat);
        for command in ["disable", "enable", "passwd", "sessions", "sign-out"] {
            chat.run(&["user", command, "nobody"]).expect_error(4, "there is no user nobody");
        }
        let refused = chat.run(&["--json", "user", "disable", "nobody"]).expect_code(4);
        let error: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
        assert_eq!(error["code"], "unknown_user");
        assert_eq!(error["message"], "there is no user nobody");
    });
}
