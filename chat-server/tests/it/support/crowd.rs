//! Many people with open sessions, made past every server: to hash their passwords would take longer than a test.

use chat_domain::{
    AddRoom, Body, Command, DisplayName, JoinRoom, MessageKey, OpenSession, Outcome, RegisterUser, Room,
    RoomDescription, RoomName, SendMessage, Timestamp, TokenHash, UserId, Username,
};
use chat_store::secret_key::SecretKey;
use chat_store::tokens::Tokens;
use chat_store::{Store, StoreOptions, commit, migrations};

/// The secret key of the servers whose sessions are made here.
pub(crate) const SECRET: &str = "a secret of the tests";
/// When everything is made.
const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);
/// When the sessions were last seen, and until when they last: later than any server of the tests runs.
const SEEN_AT: Timestamp = Timestamp::from_unix_ms(8_000_000_000_000);
const LIFETIME_MS: i64 = 9_000_000_000_000;
/// Commands in one commit.
const AT_ONCE: usize = 500;

/// Somebody with an open session.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) token: String,
}

/// Brings a database up to date, and opens it.
pub(crate) fn open(url: &str) -> Store {
    let (url, options) = (url.parse().unwrap(), StoreOptions::default());
    migrations::up(&url, &options).unwrap();
    Store::open(&url, &options).unwrap()
}

/// Registers people and signs them in.
pub(crate) fn people(store: &Store, names: impl IntoIterator<Item = String>) -> Vec<Person> {
    let register = |name: String| {
        let username = Username::new(name).unwrap();
        let display_name = DisplayName::from(&username);
        Command::RegisterUser(RegisterUser { username, display_name, password_hash: None })
    };
    let ids = commit_all(store, names.into_iter().map(register)).into_iter().map(|outcome| match outcome {
        Outcome::UserRegistered(user) => user.id(),
        other => panic!("{other:?}"),
    });
    let tokens = Tokens::new(SecretKey::new(SECRET).unwrap());
    let sign_in = |id: UserId| {
        let (token, hash) = tokens.draw().unwrap();
        (Person { id, token }, open_session(id, hash))
    };
    let (people, sessions): (Vec<Person>, Vec<Command>) = ids.map(sign_in).unzip();
    commit_all(store, sessions);
    people
}

/// Adds rooms that don't say who comes and goes.
pub(crate) fn rooms(store: &Store, names: impl IntoIterator<Item = String>) -> Vec<Room> {
    let add = |name: String| {
        let (name, description) = (RoomName::new(name).unwrap(), RoomDescription::default());
        let request = AddRoom { name, description, announces_members: false };
        store.write(|repository| chat_domain::add_room(repository, NOW, request.clone())).unwrap()
    };
    names.into_iter().map(add).collect()
}

/// Makes people members of a room.
pub(crate) fn join(store: &Store, people: &[Person], room: &Room) {
    let join = |person: &Person| Command::JoinRoom(JoinRoom { user_id: person.id, room_id: room.id });
    commit_all(store, people.iter().map(join));
}

/// Somebody says so much in a room; the texts are the keys.
pub(crate) fn say(store: &Store, person: &Person, room: &Room, keys: impl IntoIterator<Item = String>) {
    let send = |key: String| {
        let (body, key) = (Body::new(&*key).unwrap(), MessageKey::new(key).unwrap());
        Command::SendMessage(SendMessage { user_id: person.id, room_id: room.id, body, key })
    };
    commit_all(store, keys.into_iter().map(send));
}

/// Commits many commands, all of which must succeed.
fn commit_all(store: &Store, commands: impl IntoIterator<Item = Command>) -> Vec<Outcome> {
    let mut commands: Vec<(Command, ())> = commands.into_iter().map(|command| (command, ())).collect();
    let mut outcomes = Vec::new();
    while !commands.is_empty() {
        let rest = commands.split_off(AT_ONCE.min(commands.len()));
        let done = commit(store, NOW, std::mem::replace(&mut commands, rest));
        outcomes.extend(done.into_iter().map(|completed| completed.result.unwrap()));
    }
    outcomes
}

fn open_session(user_id: UserId, token_hash: TokenHash) -> Command {
    Command::OpenSession(OpenSession {
        user_id,
        verified: None,
        token_hash,
        device: None,
        seen_at: SEEN_AT,
        lifetime_ms: LIFETIME_MS,
        idle_ms: LIFETIME_MS,
    })
}
