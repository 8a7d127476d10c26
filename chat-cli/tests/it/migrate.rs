//! `chat-cli migrate`.

use crate::chat::{Chat, on_every_database};

#[test]
fn up_applies_all_migrations_and_then_none() {
    on_every_database(|chat| {
        let first = chat.json(&["migrate", "up"]);
        assert!(!first["applied"].as_array().unwrap().is_empty(), "{first}");
        let second = chat.json(&["migrate", "up"]);
        assert_eq!(second["applied"], serde_json::json!([]));
        assert_eq!(chat.must(&["migrate", "up"]).stdout, "applied no migrations: none was pending\n");
    });
}

#[test]
fn up_makes_the_sqlite_file_and_the_folders_above_it() {
    let chat = Chat::on_sqlite();
    chat.must(&["migrate", "up"]);
    assert!(chat.file().is_file());
}

#[cfg(unix)]
#[test]
fn the_data_folder_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let chat = Chat::on_sqlite();
    chat.must(&["migrate", "up"]);
    let mode = chat.data_dir().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "{mode:o}");
}

#[test]
fn status_shows_each_migration_in_its_state() {
    on_every_database(|chat| {
        chat.must(&["migrate", "up"]);
        let status = chat.json(&["migrate", "status"]);
        assert_eq!(status["pending"], 0);
        let migrations = status["migrations"].as_array().unwrap();
        assert!(migrations.iter().all(|migration| migration["is_applied"] == true), "{status}");
        let table = chat.must(&["migrate", "status"]).stdout;
        for migration in migrations {
            assert!(table.contains(migration["name"].as_str().unwrap()), "{table}");
        }
    });
}

#[test]
fn status_exits_with_3_where_migrations_are_pending() {
    on_every_database(|chat| {
        chat.must(&["migrate", "up"]);
        chat.must(&["migrate", "down", "--yes"]);
        let status = chat.run(&["--json", "migrate", "status"]).expect_code(3);
        assert!(status.json()["pending"].as_u64().unwrap() >= 1, "{status:?}");
        let error: serde_json::Value = serde_json::from_str(&status.stderr).unwrap();
        assert_eq!(error["code"], "migrations_pending");
        let status = chat.run(&["migrate", "status"]).expect_code(3);
        assert!(status.stdout.contains("pending"), "{status:?}");
        assert!(status.stderr.contains("chat-cli migrate up"), "{status:?}");
    });
}

#[test]
fn status_without_a_database_exits_with_3_and_makes_none() {
    let chat = Chat::on_sqlite();
    let status = chat.run(&["migrate", "status"]).expect_code(3);
    assert!(status.stdout.contains("pending"), "{status:?}");
    assert!(status.stderr.contains("there is no database at "), "{status:?}");
    assert!(status.stderr.contains("chat-cli migrate up"), "{status:?}");
    assert!(chat.is_empty());
    chat.run(&["migrate", "down", "--yes"]).expect_error(3, "there is no database at ");
    assert!(chat.is_empty());
}

#[test]
fn down_takes_back_as_many_as_asked_and_up_brings_them_again() {
    on_every_database(|chat| {
        let applied = chat.json(&["migrate", "up"])["applied"].clone();
        let reverted = chat.json(&["migrate", "down", "--yes", "--steps", "1000"])["reverted"].clone();
        let mut newest_first = applied.as_array().unwrap().clone();
        newest_first.reverse();
        assert_eq!(reverted.as_array().unwrap(), &newest_first);
        let again = chat.must(&["migrate", "down", "--yes"]);
        assert_eq!(again.stdout, "reverted no migrations: none was applied\n");
        assert_eq!(chat.json(&["migrate", "up"])["applied"], applied);
        assert_eq!(chat.json(&["migrate", "status"])["pending"], 0);
        chat.must(&["seed"]);
    });
}

#[test]
fn down_changes_nothing_when_nobody_can_be_asked() {
    on_every_database(|chat| {
        chat.must(&["migrate", "up"]);
        let refused = chat.run(&["migrate", "down"]).expect_error(2, "no terminal");
        assert!(refused.stderr.contains("--yes"), "{refused:?}");
        assert_eq!(chat.json(&["migrate", "status"])["pending"], 0);
    });
}

#[test]
fn nothing_is_taken_back_under_a_running_server() {
    let chat = Chat::on_sqlite();
    chat.must(&["migrate", "up"]);
    let lock = chat_store::lock_file::of_database(&chat.file());
    let server = chat_store::lock_file::hold(&lock, "process 7").unwrap();
    chat.run(&["migrate", "down", "--yes"]).expect_error(3, "in use by process 7");
    drop(server);
    chat.must(&["migrate", "down", "--yes"]);
}
