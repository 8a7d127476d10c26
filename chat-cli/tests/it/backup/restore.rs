//! Restoring, into the same kind of database and into the other.

use std::path::Path;

use chat_domain::{DeviceName, NewSession, Timestamp, TokenHash, UserId, Username};

use super::{backup_of, epoch, last_seqs, raw, talked};
use crate::chat::{Chat, on_every_database, on_every_pair};

/// Opens a session; gives back its id.
fn open_session(chat: &Chat, number: u8) -> i64 {
    let user_id = chat
        .read(|repository| repository.find_user_by_name(&Username::new("ann").unwrap()))
        .map_or_else(|| panic!("no ann"), |user| user.id());
    let session = NewSession {
        user_id,
        token_hash: TokenHash::new([number; 32]),
        device: DeviceName::cleaned("Ann's phone"),
        created_at: Timestamp::from_unix_ms(1),
        last_seen_at: Timestamp::from_unix_ms(2),
        expires_at: Timestamp::from_unix_ms(3),
    };
    chat.write(|repository| repository.add_session(&session)).id.get()
}

/// A chat with something in every column: a password, a disabled user, sessions, a control log, an archived room.
fn with_everything(chat: &Chat) -> &Chat {
    talked(chat, 1_300).add_user("ann");
    chat.must(&["user", "disable", "demo-3"]);
    chat.must(&["room", "add", "quiet", "--quiet", "--description", "It's \"quoted\" – ünïcode\u{1f600}"]);
    chat.must(&["room", "archive", "nutrition"]);
    open_session(chat, 1);
    let second = open_session(chat, 2);
    chat.must(&["user", "sign-out", "ann", "--session", &second.to_string()]);
    chat
}

#[test]
fn all_rows_come_back_in_either_database() {
    on_every_pair(|source, target| {
        let file = backup_of(with_everything(source));
        let restored = target.json(&["restore", &file, "--keep-sessions"]);
        assert_eq!((&restored["messages"], &restored["sessions"]), (&1_312.into(), &1.into()));
        assert_eq!(restored["epoch"], epoch(target));
        let again = backup_of(target);
        let (before, after) = (raw::rows(Path::new(&file)), raw::rows(Path::new(&again)));
        assert!(before.len() > 1_340, "{}", before.len());
        assert_eq!(before, after);
        target.must(&["backup", "verify", &again]);
        // What was disabled and archived is so, and who has a password is known.
        assert!(target.must(&["user", "list"]).stdout.contains("disabled"));
    });
}

#[test]
fn ids_go_on_above_those_that_were_given_before_the_backup() {
    on_every_pair(|source, target| {
        let file = backup_of(with_everything(source));
        target.must(&["restore", &file, "--keep-sessions"]);
        assert_eq!(open_session(target, 3), 3, "the second session was given before, and is gone");
        assert_eq!(target.json(&["room", "add", "yoga"])["id"], "6");
        target.add_user("bob");
        let ids: Vec<UserId> =
            target.read(|repository| repository.list_users(None, 10)).iter().map(|user| user.id()).collect();
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!((ids.len(), unique.len()), (5, 5));
        target.must(&["backup", "verify", &backup_of(target)]);
    });
}

#[test]
fn the_epoch_is_another_one_after_every_restore() {
    on_every_pair(|source, target| {
        let file = backup_of(talked(source, 10));
        target.must(&["restore", &file]);
        assert_ne!(epoch(source), epoch(target));
    });
    let chat = Chat::on_sqlite();
    let file = backup_of(talked(&chat, 10));
    let mut epochs = vec![epoch(&chat)];
    for _ in 0..2 {
        chat.must(&["restore", &file, "--replace"]);
        epochs.push(epoch(&chat));
    }
    epochs.sort();
    epochs.dedup();
    assert_eq!(epochs.len(), 3);
}

#[test]
fn everybody_is_signed_out_unless_sessions_are_kept() {
    on_every_pair(|source, target| {
        let file = backup_of(with_everything(source));
        let restored = target.run(&["restore", &file]).expect_code(0);
        assert!(restored.stdout.contains("everybody must sign in again"), "{restored:?}");
        assert_eq!(target.json(&["user", "sessions", "ann"]), serde_json::json!([]));
        let verified = target.json(&["backup", "verify", &backup_of(target)]);
        assert_eq!(verified["sessions"], 0);
    });
}

#[test]
fn the_old_sqlite_file_stays_whole_beside_the_new_one() {
    let chat = Chat::on_sqlite();
    let file = backup_of(talked(&chat, 40));
    chat.must(&["seed", "--users", "3", "--messages", "80"]);
    let (old_epoch, old) = (epoch(&chat), last_seqs(&chat));
    // As after a kill: the last messages are in the log only.
    let killed = Chat::on_sqlite();
    std::fs::create_dir(killed.data_dir()).unwrap();
    let store = chat.store();
    chat.must(&["room", "add", "in-the-log"]);
    for name in ["chat.db", "chat.db-wal"] {
        std::fs::copy(chat.data_dir().join(name), killed.data_dir().join(name)).unwrap();
    }
    drop(store);

    let restored = killed.json(&["restore", &file]);
    let kept = restored["kept"].as_str().unwrap().to_owned();
    assert!(kept.contains("chat.db.before-restore-20"), "{kept}");
    let verified = killed.json(&["backup", "verify", &kept]);
    assert_eq!((&verified["rooms"], &verified["epoch"]), (&5.into(), &old_epoch.into()));
    assert_eq!(verified["messages"], 92);
    assert!(last_seqs(&killed) < old);
    assert_eq!(databases(&killed), 2);
    killed.must(&["restore", &kept, "--replace"]);
    assert_eq!(last_seqs(&killed)[..4], old[..]);
    assert_eq!(databases(&killed), 2, "--replace keeps none");
}

/// Files in the data folder but for locks and logs, which come and go.
fn databases(chat: &Chat) -> usize {
    let files = std::fs::read_dir(chat.data_dir()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !["lock", "-wal", "-shm"].iter().any(|end| name.ends_with(end))).count()
}

#[test]
fn a_broken_database_is_set_aside_with_its_log() {
    let chat = Chat::on_sqlite();
    let file = backup_of(talked(&chat, 40));
    let log_path = chat.data_dir().join("chat.db-wal");
    let store = chat.store();
    chat.must(&["room", "add", "in-the-log"]);
    let log = std::fs::read(&log_path).unwrap();
    drop(store);
    std::fs::write(chat.file(), b"no database at all").unwrap();
    std::fs::write(&log_path, &log).unwrap();

    let kept = chat.json(&["restore", &file])["kept"].as_str().unwrap().to_owned();
    assert_eq!(std::fs::read(&kept).unwrap(), b"no database at all");
    assert_eq!(std::fs::read(format!("{kept}-wal")).unwrap(), log);
    // SQLite would have taken the old log for the new file's.
    assert_eq!(chat.json(&["room", "list"]).as_array().map(Vec::len), Some(4));
    chat.must(&["backup", "verify", &backup_of(&chat)]);
}

#[test]
fn a_backup_is_restored_where_there_was_no_database() {
    on_every_pair(|source, target| {
        let file = backup_of(talked(source, 10));
        let restored = target.json(&["restore", &file]);
        assert_eq!(restored["kept"], serde_json::Value::Null);
        assert_eq!(last_seqs(source), last_seqs(target));
    });
}

#[test]
fn an_older_backup_is_migrated() {
    on_every_database(|target| {
        let source = Chat::on_sqlite();
        talked(&source, 600).add_user("ann");
        open_session(&source, 1);
        source.must(&["migrate", "down", "--yes"]);
        let verified = source.json(&["backup", "verify", source.file().to_str().unwrap()]);
        assert_eq!(verified["schema"], "00000000000001_chat");
        let before = std::fs::read(source.file()).unwrap();
        let restored = target.json(&["restore", source.file().to_str().unwrap(), "--keep-sessions"]);
        assert_eq!(restored["schema"], "00000000000002_session_activity");
        assert_eq!(target.json(&["migrate", "status"])["pending"], 0);
        assert_eq!(
            target.json(&["user", "sessions", "ann"]).as_array().map(Vec::len),
            Some(0),
            "it has ended"
        );
        assert_eq!(restored["sessions"], 1);
        assert_eq!(std::fs::read(source.file()).unwrap(), before, "the backup is as it was");
        target.must(&["seed", "--users", "3", "--messages", "700"]);
    });
}
