//! People, rooms and messages for tests.

use chat_domain::{
    AddRoom, Body, Command, DisplayName, JoinRoom, MessageKey, RegisterUser, RoomDescription, RoomId,
    RoomName, SendMessage, Timestamp, UserId, Username, add_room, join_room, register_user,
};
use chat_store::Store;

pub(crate) const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

/// Registers somebody.
pub(crate) fn user(store: &Store, name: &str) -> UserId {
    let username = Username::new(name).unwrap();
    let request = RegisterUser { display_name: DisplayName::from(&username), username, password_hash: None };
    store.write(|repository| register_user(repository, NOW, &request)).unwrap().id()
}

/// Adds a room that doesn't announce its members.
pub(crate) fn room(store: &Store, name: &str) -> RoomId {
    let request = AddRoom {
        name: RoomName::new(name).unwrap(),
        description: RoomDescription::default(),
        announces_members: false,
    };
    store.write(|repository| add_room(repository, NOW, request.clone())).unwrap().id
}

pub(crate) fn join(store: &Store, room_id: RoomId, user_id: UserId) {
    store.write(|repository| join_room(repository, NOW, JoinRoom { user_id, room_id })).unwrap();
}

/// Adds a room with one member.
pub(crate) fn room_with_member(store: &Store) -> (RoomId, UserId) {
    let (room_id, user_id) = (room(store, "general"), user(store, "ann"));
    join(store, room_id, user_id);
    (room_id, user_id)
}

pub(crate) fn sending(room_id: RoomId, user_id: UserId, body: &str, key: &str) -> Command {
    Command::SendMessage(SendMessage {
        user_id,
        room_id,
        body: Body::new(body).unwrap(),
        key: MessageKey::new(key).unwrap(),
    })
}

/// The bodies in a room, oldest first.
pub(crate) fn bodies(store: &Store, room_id: RoomId) -> Vec<String> {
    let messages = store.read(|repository| repository.list_messages(room_id, None, 1_000)).unwrap();
    messages.into_iter().rev().map(|message| message.body).collect()
}
