//! The chat inside another program, without a server: two people talk, and a retry is not a second message.
//!
//! Run with `cargo run -p chat-domain --example embed`.

use chat_domain::{
    Body, DisplayName, JoinRoom, MemoryRepository, MessageKey, ReadRoom, RegisterUser, SendMessage,
    Timestamp, Username, add_default_rooms, join_room, read_room, register_user, send_message,
};

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = Timestamp::from_unix_ms(1_795_354_321_000); // the embedding program's clock
    let mut chat = MemoryRepository::new("epoch-1"); // or its own store behind the same traits
    let room = add_default_rooms(&mut chat, now)?.remove(0);
    for name in ["ann", "bob"] {
        let username = Username::new(name)?;
        let display_name = DisplayName::from(&username);
        let user =
            register_user(&mut chat, now, &RegisterUser { username, display_name, password_hash: None })?;
        let (user_id, room_id) = (user.id(), room.id);
        join_room(&mut chat, now, JoinRoom { user_id, room_id })?;
        let send = SendMessage {
            user_id,
            room_id,
            body: Body::new(format!("hi from {name}"))?,
            key: MessageKey::new("1")?,
        };
        let sent = send_message(&mut chat, now, send.clone())?;
        let retried = send_message(&mut chat, now, send)?;
        assert_eq!(sent.message, retried.message);
        let look = ReadRoom { user_id, room_id, position: None };
        for message in read_room(&mut chat, &look)?.messages {
            println!("{name} sees #{} {}: {}", message.seq, message.kind.as_str(), message.body);
        }
    }
    Ok(())
}
