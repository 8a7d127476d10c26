//! Who is in the chat of a fuzz target when it begins, and what was said there.
#![expect(
    clippy::expect_used,
    reason = "what is prepared here is the same for every input, and must be there"
)]

use chat_domain::repository::Rooms;
use chat_domain::{
    Body, DisplayName, JoinRoom, MemoryRepository, MessageKey, OpenSession, RegisterUser, RoomName,
    SendMessage, Timestamp, Username, add_default_rooms, join_room, open_session, register_user,
    send_message,
};
use chat_store::password::PasswordHasher;
use chat_store::tokens::Tokens;

/// Messages that stand in `general`.
const MESSAGES: usize = 3;

/// Somebody who is registered and signed in, with the password `password of NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// Is a member of `general` and wrote what stands there.
    Ann,
    /// Is a member of nothing.
    Bob,
}

impl Person {
    /// The user name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ann => "ann",
            Self::Bob => "bob",
        }
    }

    /// A token of a session that lasts.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Ann => "a-token-of-ann-............................",
            Self::Bob => "a-token-of-bob-............................",
        }
    }
}

/// The default rooms, and both people with a session each.
pub(super) fn repository(now: Timestamp, hasher: &PasswordHasher, tokens: &Tokens) -> MemoryRepository {
    let mut repository = MemoryRepository::new("epoch");
    add_default_rooms(&mut repository, now).expect("rooms");
    for person in [Person::Ann, Person::Bob] {
        let username = Username::new(person.name()).expect("a name");
        let password_hash = hasher.hash(&format!("password of {}", person.name())).ok();
        let display_name = DisplayName::from(&username);
        let register = RegisterUser { username, display_name, password_hash };
        let user_id = register_user(&mut repository, now, &register).expect("a person").id();
        let open = OpenSession {
            user_id,
            verified: None,
            token_hash: tokens.hash(person.token()).expect("a token of the right length"),
            device: None,
            seen_at: now,
            lifetime_ms: i64::from(u32::MAX),
            idle_ms: i64::from(u32::MAX),
        };
        open_session(&mut repository, now, &open).expect("a session");
        if person == Person::Ann {
            let general = RoomName::new("general").expect("a name");
            let room_id = repository.find_room_by_name(&general).ok().flatten().expect("the room").id;
            join_room(&mut repository, now, JoinRoom { user_id, room_id }).expect("a membership");
            for n in 1..=MESSAGES {
                let body = Body::new(format!("message {n}")).expect("a body");
                let key = MessageKey::new(format!("key-{n}")).expect("a key");
                let send = SendMessage { user_id, room_id, body, key };
                send_message(&mut repository, now, send).expect("a message");
            }
        }
    }
    repository
}
