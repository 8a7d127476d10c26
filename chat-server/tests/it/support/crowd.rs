//! Many people with open sessions, made past every server: to hash their passwords would take longer than a test.

use chat_domain::{
    Command, DisplayName, OpenSession, Outcome, RegisterUser, Timestamp, TokenHash, UserId, Username,
};
use chat_store::{Store, StoreOptions, commit, migrations};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

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
    let people: Vec<Person> = ids.map(|id| Person { id, token: token_of(id) }).collect();
    commit_all(store, people.iter().map(open_session));
    people
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

/// A token is as long as those that the server draws.
fn token_of(id: UserId) -> String {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&id.get().to_le_bytes());
    BASE64URL_NOPAD.encode(&bytes)
}

fn open_session(person: &Person) -> Command {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&person.token);
    Command::OpenSession(OpenSession {
        user_id: person.id,
        verified: None,
        token_hash: TokenHash::new(mac.finalize().into_bytes().into()),
        device: None,
        seen_at: SEEN_AT,
        lifetime_ms: LIFETIME_MS,
        idle_ms: LIFETIME_MS,
    })
}
