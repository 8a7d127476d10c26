//! A backup while others write.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chat_domain::{
    Body, Command, MessageKey, Outcome, RoomId, RoomName, SendMessage, Timestamp, UserId, Username,
};
use chat_store::{Store, commit};

use super::{raw, talked};
use crate::chat::{Chat, on_every_database};

/// Acks that are collected before the backup begins.
const ACKS_BEFORE: usize = 300;
/// Backups that are made while the writers write.
const BACKUPS: usize = 3;
const WRITERS: usize = 2;

/// A key and the number that its message got.
type Ack = (String, i64);

#[test]
fn a_backup_beside_writers_is_whole_and_holds_all_that_was_acknowledged_before() {
    on_every_database(|chat| {
        talked(chat, 2_000);
        let (acks, is_over) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        // One for all, as in a server: its writers wait for each other, not for SQLite's lock.
        let store = chat.store();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (store, acks, is_over) = (&store, &acks, &is_over);
                scope.spawn(move || write(store, writer, acks, is_over));
            }
            let _ends_the_writers = Ends(&is_over);
            for number in 0..BACKUPS {
                wait_for(&acks, ACKS_BEFORE * (number + 1));
                let before: Vec<Ack> = acks.lock().unwrap().clone();
                let file = chat.folder().join(format!("{number}.backup"));
                chat.must(&["backup", "create", file.to_str().unwrap()]);
                let verified = chat.json(&["backup", "verify", file.to_str().unwrap()]);
                assert_eq!(verified["is_whole"], true, "{verified}");
                let rows = raw::rows(&file);
                for (key, seq) in before {
                    let is_it = |row: &String| {
                        row.contains(&format!("client_key='{key}'")) && row.contains(&format!(" seq={seq} "))
                    };
                    assert!(rows.iter().any(is_it), "the acknowledged message {key}");
                }
            }
        });
        check_dense_after_restore(chat, &chat.folder().join("2.backup"));
    });
}

/// Sends one message after the other, and notes the acks.
fn write(store: &Store, writer: usize, acks: &Mutex<Vec<Ack>>, is_over: &AtomicBool) {
    let (user_id, room_id) = who_and_where(store);
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("w{writer}-{number}");
        let send = SendMessage {
            user_id,
            room_id,
            body: Body::new(format!("message {key}")).unwrap(),
            key: MessageKey::new(key.clone()).unwrap(),
        };
        let completed = commit(store, Timestamp::from_unix_ms(1), vec![(Command::SendMessage(send), ())]);
        match &completed[0].result {
            Ok(Outcome::MessageSent(sent)) => acks.lock().unwrap().push((key, sent.message.seq.get())),
            other => panic!("{other:?}"),
        }
    }
}

fn who_and_where(store: &Store) -> (UserId, RoomId) {
    let (user, room) = store
        .read(|repository| {
            let user = repository.find_user_by_name(&Username::new("demo-1").unwrap())?;
            Ok::<_, chat_domain::RepositoryError>((
                user,
                repository.find_room_by_name(&RoomName::new("general").unwrap())?,
            ))
        })
        .unwrap();
    (user.unwrap().id(), room.unwrap().id)
}

fn wait_for(acks: &Mutex<Vec<Ack>>, count: usize) {
    for _ in 0..6_000 {
        if acks.lock().unwrap().len() >= count {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("the writers did not write {count} messages");
}

/// The chat goes on with the next number.
fn check_dense_after_restore(chat: &Chat, file: &Path) {
    let restored = Chat::on_sqlite();
    restored.must(&["restore", file.to_str().unwrap()]);
    let store = restored.store();
    let (user_id, room_id) = who_and_where(&store);
    let last = restored.read(|repository| repository.find_room(room_id)).unwrap().last_seq;
    let send = SendMessage {
        user_id,
        room_id,
        body: Body::new("next").unwrap(),
        key: MessageKey::new("next").unwrap(),
    };
    let completed = commit(&store, Timestamp::from_unix_ms(1), vec![(Command::SendMessage(send), ())]);
    let Ok(Outcome::MessageSent(sent)) = &completed[0].result else { panic!("{completed:?}") };
    assert_eq!(sent.message.seq.get(), last.get() + 1);
    assert_ne!(super::epoch(&restored), super::epoch(chat));
}

/// Ends the writers, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
