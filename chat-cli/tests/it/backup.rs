//! `chat-cli backup` and `chat-cli restore`.

mod create;
mod damaged;
mod killed;
mod raw;
mod refused;
mod restore;
mod under_load;

use crate::chat::Chat;

/// A chat in which some people have talked.
fn talked(chat: &Chat, messages: u32) -> &Chat {
    chat.must(&["migrate", "up"]);
    chat.must(&["seed", "--users", "3", "--messages", &messages.to_string()]);
    chat
}

/// A backup of this chat, in its folder.
fn backup_of(chat: &Chat) -> String {
    let file = chat.folder().join("chat.backup").to_str().unwrap().to_owned();
    chat.must(&["backup", "create", "--force", &file]);
    file
}

fn epoch(chat: &Chat) -> String {
    chat.read(|repository| repository.database_state()).epoch
}

/// The last numbers of the rooms: what a restore would rewind.
fn last_seqs(chat: &Chat) -> Vec<i64> {
    let rooms = chat.read(|repository| repository.list_rooms(10));
    rooms.iter().map(|room| room.last_seq.get()).collect()
}
