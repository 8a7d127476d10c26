//! Making a backup.

use std::os::unix::fs::PermissionsExt;

use super::{backup_of, epoch, talked};
use crate::chat::{Chat, on_every_database};

#[test]
fn a_backup_says_what_it_holds_and_verifies() {
    on_every_database(|chat| {
        let file = chat.folder().join("b.backup");
        let made = talked(chat, 1_100).json(&["backup", "create", file.to_str().unwrap()]);
        assert_eq!(made["epoch"], epoch(chat));
        assert_eq!(made["schema"], "00000000000002_session_activity");
        assert_eq!((&made["rooms"], &made["users"]), (&4.into(), &3.into()));
        assert_eq!((&made["messages"], &made["participants"]), (&1_112.into(), &12.into()));
        assert_eq!(made["bytes"], file.metadata().unwrap().len());
        let verified = chat.json(&["backup", "verify", file.to_str().unwrap()]);
        assert_eq!(verified["is_whole"], true);
        assert_eq!(verified["problems"], serde_json::json!([]));
        assert_eq!((&verified["messages"], &verified["epoch"]), (&made["messages"], &made["epoch"]));
        let human = chat.must(&["backup", "verify", file.to_str().unwrap()]);
        assert!(human.stdout.contains("is whole: 4 rooms, 3 users, 1112 messages"), "{human:?}");
        assert!(human.stderr.is_empty(), "{human:?}");
    });
}

#[test]
fn a_backup_is_for_its_owner_alone_and_leaves_nothing_beside_it() {
    on_every_database(|chat| {
        talked(chat, 10);
        let folder = chat.folder().join("backups");
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("b.backup");
        chat.must(&["backup", "create", file.to_str().unwrap()]);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.read_dir().unwrap().count(), 1);
    });
}

#[test]
fn a_file_of_that_name_is_replaced_only_if_asked() {
    on_every_database(|chat| {
        let file = backup_of(talked(chat, 10));
        let before = std::fs::read(&file).unwrap();
        let refused = chat.run(&["backup", "create", &file]);
        refused.expect_error(5, "chat.backup exists already");
        assert_eq!(std::fs::read(&file).unwrap(), before);
        chat.must(&["seed", "--users", "4"]);
        assert_eq!(chat.json(&["backup", "create", "--force", &file])["users"], 4);
    });
}

#[test]
fn a_backup_never_takes_the_place_of_the_database() {
    let chat = Chat::on_sqlite();
    talked(&chat, 10);
    let store = chat.store(); // so that the log is there
    let before = epoch(&chat);
    for name in ["chat.db", "chat.db-wal"] {
        let file = chat.data_dir().join(name);
        let refused = chat.run(&["backup", "create", "--force", file.to_str().unwrap()]);
        refused.expect_error(2, "belongs to the database itself");
    }
    drop(store);
    assert_eq!(epoch(&chat), before);
    backup_of(&chat);
}

#[test]
fn what_is_not_there_or_not_up_to_date_is_not_backed_up() {
    let chat = Chat::on_sqlite();
    chat.run(&["backup", "create", "b"]).expect_error(3, "there is no database at ");
    assert!(chat.is_empty());
    on_every_database(|chat| {
        chat.must(&["migrate", "up"]);
        chat.must(&["migrate", "down", "--yes"]);
        let refused = chat.run(&["backup", "create", "b"]).expect_error(3, "must be applied first");
        assert!(refused.stderr.contains("chat-cli migrate up"), "{refused:?}");
        assert!(!chat.folder().join("b").exists() && !chat.folder().join("b.partial").exists());
    });
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    on_every_database(|chat| {
        let refused = talked(chat, 1).run(&["backup", "create", "nowhere/b"]);
        refused.expect_error(1, "nowhere/b");
    });
}
