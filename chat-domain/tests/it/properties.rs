//! Properties of the rules over random sequences of commands.

use chat_domain::{
    AddRoom, Body, Command, DisplayName, JoinRoom, LeaveRoom, MemoryRepository, MessageKey, Outcome,
    Position, ReadRoom, RegisterUser, RoomDescription, RoomId, RoomName, SendMessage, Seq, Timestamp, UserId,
    Username, add_room, commit_batch, join_room, read_room, register_user, repository::Messages,
};
use proptest::prelude::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn chat() -> (MemoryRepository, Vec<RoomId>, Vec<UserId>) {
    let mut chat = MemoryRepository::new("epoch");
    let rooms = ["one", "two"].map(|name| {
        let request = AddRoom {
            name: RoomName::new(name).unwrap(),
            description: RoomDescription::default(),
            announces_members: true,
        };
        add_room(&mut chat, at(0), request).unwrap().id
    });
    let users = ["ann", "bob", "cleo"].map(|name| {
        let username = Username::new(name).unwrap();
        let display_name = DisplayName::from(&username);
        let request = RegisterUser { username, display_name, password_hash: None };
        register_user(&mut chat, at(0), &request).unwrap().id()
    });
    (chat, rooms.to_vec(), users.to_vec())
}

fn command(rooms: &[RoomId], users: &[UserId], (kind, room, user, key): (u8, usize, usize, u8)) -> Command {
    let (room_id, user_id) = (rooms[room % rooms.len()], users[user % users.len()]);
    match kind % 4 {
        0 => Command::JoinRoom(JoinRoom { user_id, room_id }),
        1 if key % 3 == 0 => Command::LeaveRoom(LeaveRoom { user_id, room_id }),
        _ => Command::SendMessage(SendMessage {
            user_id,
            room_id,
            body: Body::new(format!("body {key}")).unwrap(),
            key: MessageKey::new(format!("key {key}")).unwrap(),
        }),
    }
}

proptest! {
    /// Whatever is sent, joined and left, in whatever batches: dense numbers, one message per key, and a retry
    /// gets the same answer as the first try.
    #[test]
    fn numbers_are_dense_and_keys_are_unique(
        steps in prop::collection::vec((0u8..4, 0usize..2, 0usize..3, 0u8..12), 1..120),
        batch in 1usize..20,
    ) {
        let (mut chat, rooms, users) = chat();
        let commands: Vec<Command> = steps.into_iter().map(|step| command(&rooms, &users, step)).collect();
        let mut sent = std::collections::HashMap::new();
        for (n, commands) in commands.chunks(batch).enumerate() {
            let now = at(i64::try_from(n).unwrap());
            for (command, result) in commands.iter().zip(commit_batch(&mut chat, now, commands).unwrap()) {
                let (Command::SendMessage(send), Ok(Outcome::MessageSent(answer))) = (command, result) else {
                    continue;
                };
                let first = sent.entry((send.user_id, send.key.clone())).or_insert_with(|| answer.message.clone());
                prop_assert_eq!(&answer.message, first);
            }
        }
        for room in rooms {
            let mut seqs: Vec<i64> =
                chat.list_messages(room, None, 1_000).unwrap().iter().map(|message| message.seq.get()).collect();
            seqs.reverse();
            prop_assert_eq!(&seqs, &(1..=i64::try_from(seqs.len()).unwrap()).collect::<Vec<_>>());
        }
    }

    /// Catching up from any position gives what a fresh look gives.
    #[test]
    fn catching_up_equals_fetching_afresh(messages in 1u8..40, after in 0i64..40) {
        let (mut chat, rooms, users) = chat();
        let request = JoinRoom { user_id: users[0], room_id: rooms[0] };
        join_room(&mut chat, at(1), request).unwrap();
        let sends: Vec<Command> = (0..messages).map(|key| command(&rooms, &users, (2, 0, 0, key))).collect();
        commit_batch(&mut chat, at(2), &sends).unwrap();
        let look = |position| ReadRoom { user_id: users[0], room_id: rooms[0], position };
        let fresh = read_room(&mut chat, &look(None)).unwrap().messages;
        let position = Position { epoch: Some("epoch".to_owned()), after: Seq::new(after) };
        let resumed = read_room(&mut chat, &look(Some(position))).unwrap();
        let held = fresh.iter().filter(|message| message.seq <= Seq::new(after)).cloned();
        let caught_up: Vec<_> = if resumed.reset {
            resumed.messages
        } else {
            held.chain(resumed.messages).collect()
        };
        prop_assert_eq!(caught_up, fresh);
    }
}
