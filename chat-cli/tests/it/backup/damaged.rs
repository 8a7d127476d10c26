//! What `backup verify` finds in a file whose pages are good.

use std::path::Path;

use super::{backup_of, raw, talked};
use crate::chat::Chat;

/// Drops the rule that two messages of a room have two numbers, and gives two of them the same one.
const SAME_NUMBER: &str = "\
    CREATE TABLE other AS SELECT * FROM chat_message; DROP TABLE chat_message; \
    ALTER TABLE other RENAME TO chat_message; \
    UPDATE chat_message SET seq = 7 WHERE seq = 8 AND room_id = 1";

#[test]
fn every_kind_of_damage_is_named() {
    let chat = Chat::on_sqlite();
    let good = backup_of(talked(&chat, 60));
    for (statements, expected) in [
        (
            "DELETE FROM chat_message WHERE room_id = 1 AND seq = 5",
            "room general: 17 messages from 1 to 18, where 1 to 18 are numbered",
        ),
        ("UPDATE chat_room SET last_seq = 20 WHERE id = 1", "from 1 to 18, where 1 to 20 are numbered"),
        ("UPDATE chat_room SET last_seq = 17 WHERE id = 1", "a number lies outside of 1 to 17"),
        (
            "UPDATE chat_message SET changed_seq = 30, is_edited = 1 WHERE room_id = 1 AND seq = 5",
            "its last change is 30, and its last number 18",
        ),
        (
            "UPDATE chat_message SET changed_seq = 0 WHERE room_id = 1 AND seq = 5",
            "1 messages were changed before they were there",
        ),
        (SAME_NUMBER, "room general: two messages have the same number"),
        (SAME_NUMBER, "the schema lacks UNIQUE chat_message (room_id, seq)"),
        (SAME_NUMBER, "the schema lacks UNIQUE chat_message (user_id, client_key)"),
        ("DROP INDEX chat_session_listed", "the schema lacks INDEX chat_session (user_id, last_seen_at, id)"),
        ("UPDATE chat_room SET members = 9 WHERE id = 2", "room workout-tips: it counts 9 members and has 3"),
        (
            "UPDATE chat_participant SET read_seq = 99 WHERE room_id = 1 AND user_id = 1",
            "room general: user 1 has read up to 99, beyond 18",
        ),
        ("DELETE FROM chat_user WHERE id = 3", "the chat_user that it names is not there"),
        ("DELETE FROM chat_meta", "chat_meta has 0 rows"),
        ("UPDATE chat_meta SET epoch = ''", "chat_meta has 1 rows, not one with an epoch"),
        ("DELETE FROM chat_control WHERE seq = 2", "the control log has 3 entries from 1 to 4"),
        ("UPDATE chat_meta SET control_seq = 3", "the control log goes to 4, beyond its counter 3"),
        ("DROP TABLE chat_room", "it can't be read further"),
    ] {
        let bad = chat.folder().join("bad.backup");
        std::fs::copy(&good, &bad).unwrap();
        raw::execute(Path::new(&bad), statements);
        let bad = bad.to_str().unwrap();
        let verified = chat.run(&["--json", "backup", "verify", bad]).expect_code(1);
        let found = verified.json();
        assert_eq!(found["is_whole"], false);
        let problems: Vec<&str> =
            found["problems"].as_array().unwrap().iter().map(|problem| problem.as_str().unwrap()).collect();
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        assert!(verified.stderr.contains("backup_damaged"), "{verified:?}");
        let human = chat.run(&["backup", "verify", bad]).expect_code(1);
        assert!(problems.iter().all(|problem| human.stdout.contains(problem)), "{human:?}");
        chat.run(&["restore", bad]).expect_error(1, "is damaged: ");
    }
    chat.must(&["backup", "verify", &good]);
}

#[test]
fn changes_of_messages_take_numbers_too() {
    let chat = Chat::on_sqlite();
    let good = backup_of(talked(&chat, 60));
    raw::execute(
        Path::new(&good),
        "UPDATE chat_message SET changed_seq = 19, is_edited = 1 WHERE room_id = 1 AND seq = 5; \
         UPDATE chat_room SET last_seq = 19 WHERE id = 1",
    );
    chat.must(&["backup", "verify", &good]);
}
