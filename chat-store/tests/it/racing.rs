//! Several programs on one database at the same time: each is a store of its own, with its own connections.

use std::collections::BTreeMap;

use chat_domain::{
    Body, Command, CommandError, DisplayName, MessageId, MessageKey, OpenSession, OpenSessionError, Outcome,
    PasswordHash, RegisterUser, RegisterUserError, Repository, RoomId, SendMessage, SendMessageError,
    TokenHash, UserId, Username, change_password, open_session, update_password_hash,
};
use chat_store::{Completed, Store, WriterOptions, commit};

use crate::chat::{NOW, join, room, sending, user};
use crate::database::on_each_backend;
use crate::writer::{DEADLINE, writer};

const MESSAGES: u32 = 100;

/// What one program was told of each message.
fn send_all(store: &Store, room_id: RoomId, user_id: UserId) -> BTreeMap<u32, (MessageId, bool)> {
    let (writer, batches) = writer(store, WriterOptions { batch_max: 7, ..WriterOptions::default() });
    for number in 0..MESSAGES {
        let text = format!("message {number}");
        writer.submit(sending(room_id, user_id, &text, &text), number).unwrap();
    }
    let mut told = BTreeMap::new();
    while told.len() < usize::try_from(MESSAGES).unwrap() {
        for Completed { ticket, result, .. } in batches.recv_timeout(DEADLINE).unwrap() {
            let Ok(Outcome::MessageSent(sent)) = result else { panic!("{result:?}") };
            told.insert(ticket, (sent.message.id, sent.is_new));
        }
    }
    writer.stop();
    told
}

#[test]
fn two_programs_that_send_the_same_keys_store_each_message_once() {
    on_each_backend(|database| {
        let stores = [database.migrated(), database.open()];
        let (room_id, user_id) = (room(&stores[0], "general"), user(&stores[0], "ann"));
        join(&stores[0], room_id, user_id);
        let told: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                stores.iter().map(|store| scope.spawn(move || send_all(store, room_id, user_id))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (first, second) in told[0].values().zip(told[1].values()) {
            assert_eq!(first.0, second.0, "both were told of the same message");
            assert!(first.1 != second.1, "one of them stored it");
        }
        let stored = stores[0].read(|r| r.list_messages(room_id, None, 1_000)).unwrap();
        let numbers: Vec<i64> = stored.iter().rev().map(|message| message.seq.get()).collect();
        assert_eq!(numbers, (1..=i64::from(MESSAGES)).collect::<Vec<_>>());
    });
}

#[test]
fn a_key_that_two_programs_use_in_two_rooms_stands_for_one_message() {
    on_each_backend(|database| {
        let stores = [database.migrated(), database.open()];
        let user_id = user(&stores[0], "ann");
        let rooms = [room(&stores[0], "one"), room(&stores[0], "two")];
        rooms.iter().for_each(|&room_id| join(&stores[0], room_id, user_id));
        for number in 0..20 {
            let key = MessageKey::new(format!("k{number}")).unwrap();
            let results: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = stores
                    .iter()
                    .zip(rooms)
                    .map(|(store, room_id)| {
                        let body = Body::new("hi").unwrap();
                        let send = SendMessage { user_id, room_id, body, key: key.clone() };
                        scope.spawn(move || {
                            commit(store, NOW, vec![(Command::SendMessage(send), ())]).remove(0).result
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let stored = results.iter().filter(|result| result.is_ok()).count();
            let refused = results.iter().filter(|result| {
                matches!(result, Err(CommandError::SendMessage(SendMessageError::KeyConflict)))
            });
            assert_eq!((stored, refused.count()), (1, 1), "{results:?}");
        }
        let last: i64 = rooms
            .iter()
            .map(|&room_id| stores[0].read(|r| r.find_room(room_id)).unwrap().unwrap().last_seq.get())
            .sum();
        assert_eq!(last, 20, "a refused message took no number");
    });
}

#[test]
fn of_two_who_register_a_name_at_once_one_hears_that_it_is_taken() {
    on_each_backend(|database| {
        let stores = [database.migrated(), database.open()];
        for number in 0..10 {
            let username = Username::new(format!("user{number}")).unwrap();
            let request =
                RegisterUser { display_name: DisplayName::from(&username), username, password_hash: None };
            let results: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = stores
                    .iter()
                    .map(|store| {
                        let command = Command::RegisterUser(request.clone());
                        scope.spawn(move || commit(store, NOW, vec![(command, ())]).remove(0).result)
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let taken = results.iter().filter(|result| {
                matches!(result, Err(CommandError::RegisterUser(RegisterUserError::NameTaken)))
            });
            assert_eq!(
                (results.iter().filter(|result| result.is_ok()).count(), taken.count()),
                (1, 1),
                "{results:?}"
            );
        }
    });
}

#[test]
fn rooms_that_are_locked_crosswise_block_nobody() {
    on_each_backend(|database| {
        let stores = [database.migrated(), database.open()];
        let people = [user(&stores[0], "ann"), user(&stores[0], "bob")];
        let rooms = [room(&stores[0], "one"), room(&stores[0], "two")];
        for room_id in rooms {
            people.iter().for_each(|&user_id| join(&stores[0], room_id, user_id));
        }
        std::thread::scope(|scope| {
            for (store, user_id, order) in
                [(&stores[0], people[0], [rooms[0], rooms[1]]), (&stores[1], people[1], [rooms[1], rooms[0]])]
            {
                scope.spawn(move || {
                    for number in 0..50 {
                        let batch = order.map(|room_id| {
                            (sending(room_id, user_id, "hi", &format!("{number} {room_id}")), ())
                        });
                        for completed in commit(store, NOW, batch.into()) {
                            completed.result.unwrap();
                        }
                    }
                });
            }
        });
        for room_id in rooms {
            let found = stores[0].read(|r| r.find_room(room_id)).unwrap().unwrap();
            assert_eq!(found.last_seq.get(), 100);
        }
    });
}

#[test]
fn of_a_sign_in_and_a_new_password_at_once_no_session_of_the_old_one_is_left() {
    on_each_backend(|database| {
        let stores = [database.migrated(), database.open()];
        let user_id = user(&stores[0], "ann");
        let name = Username::new("ann").unwrap();
        let hash = |number: u8| PasswordHash::new(format!("hash {number}"));
        stores[0].write(|repository| repository.set_password_hash(user_id, &hash(0))).unwrap();
        for number in 0..40 {
            let open = OpenSession {
                user_id,
                verified: Some(hash(number)),
                token_hash: TokenHash::new([number; 32]),
                device: None,
                seen_at: NOW,
                lifetime_ms: 1_000_000,
                idle_ms: 1_000_000,
            };
            let opened = std::thread::scope(|scope| {
                scope.spawn(|| {
                    let new = hash(number + 1);
                    stores[1].write_retrying(|r| change_password(r, NOW, &name, &new)).unwrap();
                });
                let open = || stores[0].write_retrying(|repository| open_session(repository, NOW, &open));
                scope.spawn(open).join().unwrap()
            });
            assert!(matches!(opened, Ok(_) | Err(OpenSessionError::PasswordChanged)), "{opened:?}");
            let left = stores[0].read(|repository| repository.list_sessions(user_id, 10)).unwrap();
            assert_eq!(left, []);
        }
    });
}

#[test]
fn of_a_rehash_and_a_new_password_at_once_the_new_password_is_left() {
    on_each_backend(|database| {
        let stores = [database.migrated(), database.open()];
        let user_id = user(&stores[0], "ann");
        let name = Username::new("ann").unwrap();
        let hash = |number: u8| PasswordHash::new(format!("hash {number}"));
        for number in 0..40 {
            let (old, stronger, new) = (hash(3 * number), hash(3 * number + 1), hash(3 * number + 2));
            stores[0].write(|repository| repository.set_password_hash(user_id, &old)).unwrap();
            let rehash = |r: &mut dyn Repository| update_password_hash(r, user_id, &old, &stronger);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    stores[1].write_retrying(|r| change_password(r, NOW, &name, &new)).unwrap();
                });
                scope.spawn(|| stores[0].write_retrying(rehash).unwrap());
            });
            let left = stores[0].read(|repository| repository.find_password_hash(user_id)).unwrap();
            assert_eq!(left, Some(new));
        }
    });
}
