//! What is not restored: wrong files, and databases that are in use or not empty. Nothing is changed then.

use std::fs::File;
use std::path::Path;

use chat_store::lock_file;

use super::{backup_of, epoch, last_seqs, raw, talked};
use crate::chat::{Chat, on_every_database};

/// Fails unless the restore is refused by name and the database is as it was.
#[track_caller]
fn check_refused(chat: &Chat, file: &str, code: i32, what: &str) {
    let (old_epoch, old) = (epoch(chat), last_seqs(chat));
    let names = || {
        let mut names: Vec<_> =
            chat.data_dir().read_dir().into_iter().flatten().map(|file| file.unwrap().file_name()).collect();
        // Locks stay; SQLite's log comes and goes with those who look into the database.
        let stays = |name: &str| ![".lock", "-wal", "-shm"].iter().any(|end| name.ends_with(end));
        names.retain(|name| stays(&name.to_string_lossy()));
        names.sort();
        names
    };
    let before = names();
    chat.run(&["restore", file]).expect_error(code, what);
    assert_eq!((epoch(chat), last_seqs(chat)), (old_epoch, old));
    assert_eq!(names(), before);
}

#[test]
fn wrong_files_are_refused_by_name() {
    on_every_database(|chat| {
        talked(chat, 60);
        let source = Chat::on_sqlite();
        let good = backup_of(talked(&source, 2_000));
        let wrong = |name: &str, content: &[u8]| {
            let path = chat.folder().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let bytes = std::fs::read(&good).unwrap();
        let mut corrupt = bytes.clone();
        let middle = bytes.len() / 2 / 4_096 * 4_096;
        corrupt[middle..middle + 4_096].fill(0x5a);
        let mut newer_format = bytes.clone();
        newer_format[18] = 3;
        let other = chat.folder().join("other.db");
        raw::execute(&other, "CREATE TABLE things (id INTEGER)");
        for (file, code, what) in [
            (chat.folder().join("none").to_str().unwrap().to_owned(), 4, "there is no file"),
            (chat.folder().to_str().unwrap().to_owned(), 1, "it is no file"),
            (wrong("empty", b""), 1, "it is empty"),
            (wrong("text", b"Dear diary"), 1, "it is no SQLite file"),
            (wrong("short", &bytes[..20]), 1, "it is truncated"),
            (wrong("truncated", &bytes[..bytes.len() / 2 + 7]), 1, "it is truncated"),
            (wrong("corrupt", &corrupt), 1, "is damaged: "),
            (wrong("newer", &newer_format), 1, "it is of a newer SQLite format"),
            (other.to_str().unwrap().to_owned(), 1, "it holds no chat"),
        ] {
            check_refused(chat, &file, code, what);
            let verified = chat.run(&["backup", "verify", &file]).expect_code(code);
            assert!(!verified.stderr.is_empty(), "{verified:?}");
        }
    });
}

#[test]
fn a_newer_backup_is_refused_by_name() {
    on_every_database(|chat| {
        talked(chat, 60);
        let source = Chat::on_sqlite();
        let good = backup_of(talked(&source, 20));
        raw::execute(
            Path::new(&good),
            "INSERT INTO __diesel_schema_migrations (version) VALUES ('00000000000099')",
        );
        check_refused(chat, &good, 3, "doesn't know the migration 00000000000099");
        raw::execute(
            Path::new(&good),
            "INSERT INTO chat_schema_requirement VALUES ('00000000000099_x', '99.0.0')",
        );
        check_refused(chat, &good, 3, "needs a newer program");
    });
}

#[test]
fn a_database_in_use_is_no_backup() {
    let chat = Chat::on_sqlite();
    talked(&chat, 20);
    let live = Chat::on_sqlite();
    talked(&live, 20);
    let _store = live.store();
    live.must(&["room", "add", "in-the-log"]);
    check_refused(&chat, live.file().to_str().unwrap(), 1, "it is a database in use");
}

#[test]
fn a_running_server_is_named_and_nothing_is_changed() {
    let chat = Chat::on_sqlite();
    let file = backup_of(talked(&chat, 20));
    let lock = lock_file::hold(&lock_file::of_database(&chat.file()), "process 4711").unwrap();
    check_refused(&chat, &file, 3, "is in use by a running chat-server (process 4711)");
    drop(lock);
    chat.must(&["restore", &file]);
}

#[test]
fn a_database_that_some_program_has_open_is_not_replaced() {
    let chat = Chat::on_sqlite();
    let file = backup_of(talked(&chat, 20));
    let store = chat.store();
    check_refused(&chat, &file, 3, "is open in another program");
    drop(store);
    chat.must(&["restore", &file]);
}

#[test]
fn two_restores_at_a_time_do_not_mix() {
    let chat = Chat::on_sqlite();
    let file = backup_of(talked(&chat, 20));
    let partial = File::create(chat.data_dir().join("chat.db.restoring")).unwrap();
    partial.lock().unwrap();
    let refused = chat.run(&["restore", &file]);
    refused.expect_error(1, "is being made by another program");
}

#[test]
fn a_postgres_database_must_be_empty() {
    let Some(chat) = Chat::on_postgres() else { return };
    let source = Chat::on_sqlite();
    let file = backup_of(talked(&source, 20));
    chat.must(&["migrate", "up"]);
    chat.must(&["room", "add", "yoga"]);
    check_refused(&chat, &file, 3, "the database is not empty: chat_room has rows");
}

#[test]
fn a_migrated_postgres_database_without_rows_is_empty() {
    let Some(chat) = Chat::on_postgres() else { return };
    let source = Chat::on_sqlite();
    let file = backup_of(talked(&source, 20));
    chat.must(&["migrate", "up"]);
    let before = epoch(&chat); // opening the store gives it one
    chat.must(&["restore", &file]);
    assert_ne!(epoch(&chat), before);
    assert_eq!(last_seqs(&chat), last_seqs(&source));
}
