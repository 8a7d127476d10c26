//! A page of history from SQLite, in a short room and in a long one: as the server reads it, without the connection.

use std::path::Path;

use chat_domain::{
    AddRoomError, DisplayName, GetHistory, JoinRoom, ReadRoomError, RegisterUser, RegisterUserError,
    RoomName, Seq, UserId, Username, add_default_rooms, get_history, join_room, register_user,
};
use chat_domain::{Page, RepositoryError, RoomId, Timestamp};
use chat_store::{DatabaseUrl, Store, StoreOptions, migrations};
use criterion::{BenchmarkId, Criterion};
use fastrand::Rng;
use rusqlite::Connection;

use crate::fill::fill;

/// Messages in the rooms.
const MESSAGES: [u32; 2] = [1_000, 100_000];
/// Messages in a page.
const PAGE: u32 = 50;
/// People who wrote them.
const PEOPLE: u32 = 64;
const ROOM: &str = "general";
const NOW: Timestamp = Timestamp::from_unix_ms(1_795_354_321_000);

/// Pages at random places; the same ones each time.
pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("history_page_of_50");
    for messages in MESSAGES {
        group.bench_function(BenchmarkId::from_parameter(messages), |bencher| {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
            let (store, room_id) = filled(&folder.path().join("chat.db"), messages);
            let mut chance = Rng::with_seed(1);
            bencher.iter(|| {
                let before = Seq::new(chance.u32(PAGE + 1..=messages + 1).into());
                let page = page(&store, room_id, before);
                assert_eq!(page.messages.len(), 50);
            });
        });
    }
    group.finish();
}

fn page(store: &Store, room_id: RoomId, before: Seq) -> Page {
    let request = GetHistory { user_id: UserId::new(1), room_id, before, limit: PAGE };
    store.read::<_, ReadRoomError>(|repository| get_history(repository, request)).expect("a page")
}

/// A database with a room full of messages, of which the first person is a member.
fn filled(path: &Path, messages: u32) -> (Store, RoomId) {
    let (url, options) = (DatabaseUrl::sqlite_file(path), StoreOptions::default());
    migrations::up(&url, &options).expect("a new database");
    let store = Store::open(&url, &options).expect("a database");
    store
        .write_retrying::<_, AddRoomError>(|repository| add_default_rooms(repository, NOW).map(drop))
        .expect("rooms");
    store
        .write_retrying::<_, RegisterUserError>(|repository| {
            for person in 1..=PEOPLE {
                let username = Username::new(format!("person-{person}")).expect("a name");
                let display_name = DisplayName::from(&username);
                register_user(
                    repository,
                    NOW,
                    &RegisterUser { username, display_name, password_hash: None },
                )?;
            }
            Ok(())
        })
        .expect("people");
    let name = RoomName::new(ROOM).expect("a name");
    let room = store.read::<_, RepositoryError>(|repository| repository.find_room_by_name(&name));
    let room_id = room.expect("a database").expect("a room").id;
    let mut connection = Connection::open(path).expect("a database");
    fill(&mut connection, ROOM, messages, PEOPLE).expect("messages");
    let join = JoinRoom { user_id: UserId::new(1), room_id };
    store.write_retrying(|repository| join_room(repository, NOW, join).map(drop)).expect("a membership");
    (store, room_id)
}
