//! The rooms and people of the benchmark, put into the database before the server opens it: nobody needs a password.

use std::io;
use std::path::Path;

use chat_domain::{
    AddRoom, DisplayName, OpenSession, RegisterUser, Repository, RoomDescription, RoomName, Timestamp,
    TokenHash, Username, add_room, open_session, register_user,
};
use chat_server::{Clock, SystemClock};
use chat_store::{DatabaseUrl, Store, StoreOptions, migrations};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::shape::{Shape, room_name, token};

/// The server's secret, under which it knows the tokens.
pub(crate) const SECRET_KEY: &str = "a secret of the benchmark";

/// How long the sessions last: longer than any run.
const SESSION_MS: i64 = 24 * 60 * 60 * 1_000;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Makes the database of a data folder, with a shape's rooms, and a person with a session for each client.
pub(crate) fn fill(data_dir: &Path, shape: &Shape) -> io::Result<()> {
    let filled = || -> Result<(), Fault> {
        let url = DatabaseUrl::sqlite_file(&data_dir.join("chat.db"));
        let options = StoreOptions::default();
        migrations::up(&url, &options)?;
        let now = SystemClock::start().wall();
        Store::open(&url, &options)?.write(|repository| {
            (0..shape.rooms).try_for_each(|room| add_one_room(repository, now, room))?;
            (0..shape.clients()).try_for_each(|client| add_one_person(repository, now, client))
        })
    };
    filled().map_err(io::Error::other)
}

fn add_one_room(repository: &mut dyn Repository, now: Timestamp, room: usize) -> Result<(), Fault> {
    let name = RoomName::new(room_name(room))?;
    let room = AddRoom { name, description: RoomDescription::default(), announces_members: false };
    add_room(repository, now, room)?;
    Ok(())
}

fn add_one_person(repository: &mut dyn Repository, now: Timestamp, client: usize) -> Result<(), Fault> {
    let username = Username::new(format!("user-{client:04}"))?;
    let display_name = DisplayName::from(&username);
    let user = register_user(repository, now, &RegisterUser { username, display_name, password_hash: None })?;
    let token_hash = hash(&token(client))?;
    let session = OpenSession {
        user_id: user.id(),
        verified: None,
        token_hash,
        device: None,
        seen_at: now,
        lifetime_ms: SESSION_MS,
        idle_ms: SESSION_MS,
    };
    open_session(repository, now, &session)?;
    Ok(())
}

/// The hash under which the server's store knows a token.
fn hash(token: &str) -> Result<TokenHash, Fault> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET_KEY.as_bytes())?;
    mac.update(token.as_bytes());
    Ok(TokenHash::new(mac.finalize().into_bytes().into()))
}
