//! A damaged backup: its problems are named, or it is whole and can be restored.
//!
//! Each line is a damage: `b 4096 255` puts a byte at a place of the file, `c 5000` cuts it off there; a line that
//! begins with `UPDATE chat_`, `DELETE FROM chat_`, `DROP ` or `ALTER TABLE chat_` is run on it as SQL.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use chat_domain::{
    Body, Command, DisplayName, JoinRoom, MessageKey, RegisterUser, RoomId, SendMessage, Timestamp, UserId,
    Username, add_default_rooms,
};
use chat_store::backup::{Existing, OldFile, Restore, Sessions, create, restore, verify};
use chat_store::{DatabaseUrl, Store, StoreOptions, commit, migrations};
use diesel::{Connection, ConnectionResult, RunQueryDsl, SqliteConnection, sql_query};
use libfuzzer_sys::fuzz_target;

/// Lines that are looked at, at most.
const LINES_MAX: usize = 8;
/// Messages in the backup.
const MESSAGES: usize = 40;

struct Work {
    whole: Vec<u8>,
    damaged: PathBuf,
    restored: PathBuf,
}

static WORK: LazyLock<Work> = LazyLock::new(Work::prepare);

fuzz_target!(|damages: &str| {
    let Work { whole, damaged, restored } = &*WORK;
    fs::write(damaged, whole).unwrap();
    for line in damages.lines().take(LINES_MAX) {
        match read(line) {
            Some(Damage::Byte(place, byte)) => {
                let mut bytes = fs::read(damaged).unwrap();
                let place = place % bytes.len().max(1);
                bytes.get_mut(place).into_iter().for_each(|held| *held = byte);
                fs::write(damaged, bytes).unwrap();
            }
            Some(Damage::Cut(length)) => {
                fs::File::options().write(true).open(damaged).unwrap().set_len(length).unwrap();
            }
            Some(Damage::Sql(statement)) => {
                // What the database itself refuses is no damage.
                let _ = connect(damaged).map(|mut connection| sql_query(statement).execute(&mut connection));
            }
            None => {}
        }
    }
    let before = fs::read(damaged).unwrap();
    let is_whole = match verify(damaged) {
        Ok(verified) => verified.contents.is_some() && verified.problems.is_empty(),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    };
    let url = DatabaseUrl::sqlite_file(restored);
    let request = Restore { sessions: Sessions::Drop, old: OldFile::Lose };
    let done = restore(damaged, &url, &StoreOptions::default(), &request, &mut |_| {});
    assert_eq!(done.is_ok(), is_whole, "{:?}", done.err());
    assert!(fs::read(damaged).unwrap() == before, "looking at a backup changes nothing");
    if is_whole {
        assert_eq!(verify(restored).unwrap().problems, Vec::<String>::new());
    }
});

#[expect(clippy::disallowed_methods, reason = "the store would not open what is damaged already")]
fn connect(file: &Path) -> ConnectionResult<SqliteConnection> {
    SqliteConnection::establish(file.to_str().unwrap())
}

enum Damage<'l> {
    Byte(usize, u8),
    Cut(u64),
    Sql(&'l str),
}

fn read(line: &str) -> Option<Damage<'_>> {
    let mut words = line.split(' ');
    match words.next()? {
        "b" => Some(Damage::Byte(words.next()?.parse().ok()?, words.next()?.parse().ok()?)),
        "c" => Some(Damage::Cut(words.next()?.parse().ok().filter(|&bytes| bytes < 1 << 20)?)),
        _ => {
            let begins = ["UPDATE chat_", "DELETE FROM chat_", "DROP ", "ALTER TABLE chat_"];
            // No second statement, no function: what is run here reaches nothing but this file.
            let is_plain = !line.contains([';', '(', '\0']);
            (is_plain && begins.iter().any(|begin| line.starts_with(begin))).then_some(Damage::Sql(line))
        }
    }
}

impl Work {
    /// A small chat, and its backup.
    fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let (database, file) = (folder.join("chat.db"), folder.join("whole"));
        let (url, options, now) =
            (DatabaseUrl::sqlite_file(&database), StoreOptions::default(), Timestamp::from_unix_ms(0));
        migrations::up(&url, &options).unwrap();
        let store = Store::open(&url, &options).unwrap();
        store.write(|repository| add_default_rooms(repository, now)).unwrap();
        for command in commands() {
            assert!(
                commit(&store, now, vec![(command, ())]).iter().all(|completed| completed.result.is_ok())
            );
        }
        create(&url, &options, &file, Existing::Refuse, &mut |_| {}).unwrap();
        Self {
            whole: fs::read(file).unwrap(),
            damaged: folder.join("damaged"),
            restored: folder.join("restored.db"),
        }
    }
}

fn commands() -> Vec<Command> {
    let (user_id, room_id) = (UserId::new(1), RoomId::new(1));
    let username = Username::new("ann").unwrap();
    let display_name = DisplayName::from(&username);
    let mut commands = vec![
        Command::RegisterUser(RegisterUser { username, display_name, password_hash: None }),
        Command::JoinRoom(JoinRoom { user_id, room_id }),
    ];
    commands.extend((0..MESSAGES).map(|n| {
        let body = Body::new(format!("message {n}")).unwrap();
        let key = MessageKey::new(format!("key-{n}")).unwrap();
        Command::SendMessage(SendMessage { user_id, room_id, body, key })
    }));
    commands
}
