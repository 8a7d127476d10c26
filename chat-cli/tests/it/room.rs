//! `chat-cli room`.

use chat_domain::{ControlAction, RoomName};

use crate::chat::{Chat, on_every_database};

fn migrated(chat: &Chat) -> &Chat {
    chat.must(&["migrate", "up"]);
    chat
}

#[test]
fn an_added_room_is_stored_listed_and_in_the_control_log() {
    on_every_database(|chat| {
        let added = migrated(chat).json(&["room", "add", "yoga", "--description", "Stretch & breathe — 安"]);
        let name = RoomName::new("yoga").unwrap();
        let room = chat.read(|repository| repository.find_room_by_name(&name)).unwrap();
        assert_eq!(room.description.as_str(), "Stretch & breathe — 安");
        assert!(room.announces_members && room.is_active);
        assert_eq!(added["id"], room.id.to_string());
        assert_eq!(added["created_at"], room.created_at.unix_ms());
        assert_eq!(chat.control(), [ControlAction::RoomAdded { room_id: room.id }]);
        assert_eq!(chat.json(&["room", "list"]), serde_json::json!([added]));
        let table = chat.must(&["room", "list"]).stdout;
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 2, "{table}");
        assert!(lines[0].trim_start().starts_with("ID  NAME"), "{table}");
        for part in ["yoga", "active", "Stretch & breathe — 安", "T", "Z  "] {
            assert!(lines[1].contains(part), "{part}: {table}");
        }
    });
}

#[test]
fn a_quiet_room_announces_nobody() {
    on_every_database(|chat| {
        let added = migrated(chat).json(&["room", "add", "big", "--quiet"]);
        assert_eq!(added["announces_members"], false);
        let name = RoomName::new("big").unwrap();
        assert!(!chat.read(|repository| repository.find_room_by_name(&name)).unwrap().announces_members);
    });
}

#[test]
fn a_room_name_is_taken_once() {
    on_every_database(|chat| {
        migrated(chat).must(&["room", "add", "yoga"]);
        chat.run(&["room", "add", "yoga"]).expect_error(5, "there is a room yoga already");
        assert_eq!(chat.control().len(), 1);
    });
}

#[test]
fn of_several_who_add_the_same_room_at_once_one_succeeds() {
    on_every_database(|chat| {
        migrated(chat);
        let mut codes: Vec<i32> = std::thread::scope(|scope| {
            let add = || chat.run(&["room", "add", "yoga"]).code;
            let running: Vec<_> = (0..4).map(|_| scope.spawn(add)).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        codes.sort_unstable();
        assert_eq!(codes, [0, 5, 5, 5]);
        assert_eq!(chat.control().len(), 1);
    });
}

#[test]
fn an_archived_room_leaves_the_list_and_enters_the_control_log_once() {
    on_every_database(|chat| {
        let added = migrated(chat).json(&["room", "add", "yoga"]);
        let archived = chat.json(&["room", "archive", "yoga"]);
        assert_eq!(archived["is_active"], false);
        let name = RoomName::new("yoga").unwrap();
        let room = chat.read(|repository| repository.find_room_by_name(&name)).unwrap();
        assert!(!room.is_active);
        chat.must(&["room", "archive", "yoga"]);
        let expected =
            [ControlAction::RoomAdded { room_id: room.id }, ControlAction::RoomArchived { room_id: room.id }];
        assert_eq!(chat.control(), expected);
        assert_eq!(chat.json(&["room", "list"]), serde_json::json!([]));
        assert_eq!(chat.json(&["room", "list", "--all"])[0]["id"], added["id"]);
        assert!(chat.must(&["room", "list", "--all"]).stdout.contains("archived"));
    });
}

#[test]
fn an_unknown_room_is_not_found() {
    on_every_database(|chat| {
        migrated(chat).run(&["room", "archive", "nowhere"]).expect_error(4, "there is no room nowhere");
    });
}

#[test]
fn a_long_description_is_cut_in_the_table_and_whole_in_json() {
    let chat = Chat::on_sqlite();
    let long = "x".repeat(500);
    migrated(&chat).must(&["room", "add", "yoga", "--description", &long]);
    assert!(!chat.must(&["room", "list"]).stdout.contains(&long));
    assert_eq!(chat.json(&["room", "list"])[0]["description"], long);
}

#[test]
fn direction_marks_in_a_description_are_shown_escaped() {
    let chat = Chat::on_sqlite();
    migrated(&chat).must(&["room", "add", "yoga", "--description", "safe\u{202e}txt"]);
    assert!(chat.must(&["room", "list"]).stdout.contains(r"safe\u{202e}txt"));
    let json = chat.must(&["--json", "room", "list"]);
    assert!(json.stdout.contains(r"safe\u202etxt"), "{json:?}");
    assert_eq!(json.json()[0]["description"], "safe\u{202e}txt");
}
