//! `chat-cli seed`.

use chat_domain::{ControlAction, DEFAULT_ROOMS, MessageKind, RoomName, Username};
use serde_json::json;

use crate::chat::{Chat, on_every_database};

fn migrated(chat: &Chat) -> &Chat {
    chat.must(&["migrate", "up"]);
    chat
}

/// How many texts and announcements stand in each default room.
fn messages(chat: &Chat) -> Vec<(usize, usize)> {
    chat.read(|repository| {
        let mut counts = Vec::new();
        for room in repository.list_rooms(10)? {
            let messages = repository.list_messages(room.id, None, 10_000)?;
            let texts = messages.iter().filter(|message| message.kind == MessageKind::Text).count();
            let numbers: Vec<i64> = messages.iter().rev().map(|message| message.seq.get()).collect();
            assert_eq!(numbers, (1..=room.last_seq.get()).collect::<Vec<i64>>());
            counts.push((texts, messages.len() - texts));
        }
        Ok(counts)
    })
}

#[test]
fn the_default_rooms_are_added_once() {
    on_every_database(|chat| {
        let seeded = migrated(chat).json(&["seed"]);
        let names: Vec<&str> = DEFAULT_ROOMS.iter().map(|(name, _)| *name).collect();
        assert_eq!(seeded, json!({ "rooms": names, "users": 0, "messages": 0 }));
        let rooms = chat.read(|repository| repository.list_rooms(10));
        let stored: Vec<(&str, &str)> =
            rooms.iter().map(|room| (room.name.as_str(), room.description.as_str())).collect();
        assert_eq!(stored, DEFAULT_ROOMS);
        assert_eq!(chat.must(&["seed"]).stdout, "added 0 rooms, 0 demo users and 0 messages\n");
        let added: Vec<_> = rooms.iter().map(|room| ControlAction::RoomAdded { room_id: room.id }).collect();
        assert_eq!(chat.control(), added);
    });
}

#[test]
fn demo_people_and_messages_are_the_same_at_every_time() {
    on_every_database(|chat| {
        let args = ["seed", "--users", "3", "--messages", "42"];
        let seeded = migrated(chat).json(&args);
        assert_eq!((&seeded["users"], &seeded["messages"]), (&json!(3), &json!(42)));
        let expected = [(12, 3), (10, 3), (10, 3), (10, 3)];
        assert_eq!(messages(chat), expected);
        assert_eq!(chat.json(&args), json!({ "rooms": [], "users": 0, "messages": 0 }));
        assert_eq!(messages(chat), expected);
        let more = chat.json(&["seed", "--users", "4"]);
        assert_eq!(more, json!({ "rooms": [], "users": 1, "messages": 0 }));
        let members: Vec<i64> =
            chat.read(|repository| repository.list_rooms(10)).iter().map(|room| room.members).collect();
        assert_eq!(members, [4, 4, 4, 4]);
    });
}

#[test]
fn more_than_a_batch_is_stored_whole() {
    let chat = Chat::on_sqlite();
    let seeded = migrated(&chat).json(&["seed", "--users", "2", "--messages", "1201"]);
    assert_eq!(seeded["messages"], 1_201);
    assert_eq!(messages(&chat).iter().map(|(texts, _)| texts).sum::<usize>(), 1_201);
}

#[test]
fn demo_people_have_no_password() {
    on_every_database(|chat| {
        migrated(chat).must(&["seed", "--users", "1"]);
        let name = Username::new("demo-1").unwrap();
        let hash = chat.read(|repository| {
            let user = repository.find_user_by_name(&name)?.unwrap();
            repository.find_password_hash(user.id())
        });
        assert!(hash.is_none());
    });
}

#[test]
fn nobody_who_can_sign_in_is_made_to_talk() {
    let chat = Chat::on_sqlite();
    migrated(&chat).add_user("demo-2");
    let refused = chat.run(&["seed", "--users", "2", "--messages", "9"]);
    refused.expect_error(5, "demo-2 is a user who can sign in");
    assert_eq!(messages(&chat), [(0, 0); 4]);
}

#[test]
fn a_disabled_demo_user_is_named() {
    let chat = Chat::on_sqlite();
    migrated(&chat).must(&["seed", "--users", "1"]);
    chat.must(&["user", "disable", "demo-1"]);
    chat.run(&["seed", "--users", "1", "--messages", "1"]).expect_error(1, "demo-1 is disabled");
}

#[test]
fn an_archived_default_room_stays_archived_and_silent() {
    on_every_database(|chat| {
        migrated(chat).must(&["seed"]);
        chat.must(&["room", "archive", DEFAULT_ROOMS[1].0]);
        let seeded = chat.json(&["seed", "--users", "1", "--messages", "20"]);
        assert_eq!(seeded, json!({ "rooms": [], "users": 1, "messages": 15 }));
        let name = RoomName::new(DEFAULT_ROOMS[1].0).unwrap();
        let room = chat.read(|repository| repository.find_room_by_name(&name)).unwrap();
        assert_eq!((room.is_active, room.last_seq.get()), (false, 0));
    });
}

#[test]
fn messages_need_people() {
    let chat = Chat::on_sqlite();
    let refused = migrated(&chat).run(&["seed", "--messages", "5"]).expect_code(2);
    assert!(refused.stderr.contains("--users"), "{refused:?}");
    chat.run(&["seed", "--users", "0"]).expect_code(2);
    chat.run(&["seed", "--users", "100001"]).expect_code(2);
    chat.run(&["seed", "--users", "1", "--messages", "1000001"]).expect_code(2);
}

#[test]
fn seeding_makes_no_database_and_migrates_none() {
    let chat = Chat::on_sqlite();
    let refused = chat.run(&["seed"]).expect_error(3, "there is no database at ");
    assert!(refused.stderr.contains("chat-cli migrate up"), "{refused:?}");
    assert!(chat.is_empty());
}
