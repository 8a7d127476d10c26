//! What an administrator's tool changes in the database reaches a running server.

use std::time::{Duration, Instant};

use chat_domain::limits::SESSIONS_PER_USER_MAX;
use chat_domain::{
    AddRoom, ChangeUserError, ControlAction, OpenSession, RepositoryError, RoomDescription, RoomName,
    Timestamp, TokenHash, Username,
};
use serde_json::json;

use crate::support::{Client, TestServer, on_each_backend, run};

/// Three times the second within which a connection is closed whose right ended.
const CLOSED_WITHIN: Duration = Duration::from_secs(3);
const NOW: Timestamp = Timestamp::from_unix_ms(1_795_354_321_000);

#[test]
fn who_is_shut_out_is_cut_off() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            let token = server.sign_up("bob").await;
            let mut bob = Client::with_token(&server, &token).await;
            let name = Username::new("bob").unwrap();
            server.store().write(|repository| chat_domain::disable_user(repository, NOW, &name)).unwrap();
            assert_eq!(bob.closed().await, Some(4502));
            let bearer = format!("Bearer {token}");
            assert!(Client::connect(&server, &[("authorization", &bearer)]).await.is_err());
            let refused = server.post("/api/v1/login", &crate::support::server::credentials("bob")).await;
            assert_eq!(refused.status, 401);
            ann.ask(json!({"type": "ping"})).await;
        });
    });
}

#[test]
fn a_new_password_signs_all_devices_out() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            let hasher =
                chat_store::password::PasswordHasher::new(chat_store::password::PasswordParams::default());
            let (name, hash) = (Username::new("ann").unwrap(), hasher.hash("another password").unwrap());
            server
                .store()
                .write(|repository| chat_domain::change_password(repository, NOW, &name, &hash))
                .unwrap();
            assert_eq!(ann.closed().await, Some(4500));
            let old = server.post("/api/v1/login", &crate::support::server::credentials("ann")).await;
            assert_eq!(old.status, 401);
            let new = json!({"username": "ann", "password": "another password"});
            assert_eq!(server.post("/api/v1/login", &new).await.status, 200);
        });
    });
}

#[test]
fn devices_are_signed_out_one_by_one_or_all_at_once() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start_with(database, |config| {
                config.timers.control_poll_ms = chat_server::Timers::default().control_poll_ms;
            });
            let mut laptop = Client::sign_up(&server, "ann").await;
            let mut phone = Client::with_token(&server, &server.sign_in("ann").await).await;
            let mut bob = Client::sign_up(&server, "bob").await;
            let (store, name) = (server.store(), Username::new("ann").unwrap());
            let since = Instant::now();
            let signed_out = store.write(|repository| {
                let user = repository.find_user_by_name(&name)?.unwrap();
                let newest = repository.list_sessions(user.id(), 1)?[0].session.id;
                chat_domain::sign_out(repository, NOW, user.id(), newest)
            });
            assert!(signed_out.map_err(|error: RepositoryError| error).unwrap());
            assert_eq!(phone.closed().await, Some(4500));
            assert!(since.elapsed() < CLOSED_WITHIN, "{:?}", since.elapsed());
            laptop.ask(json!({"type": "ping"})).await;
            let since = Instant::now();
            store.write(|repository| chat_domain::sign_out_everywhere(repository, NOW, &name)).unwrap();
            assert_eq!(laptop.closed().await, Some(4500));
            assert!(since.elapsed() < CLOSED_WITHIN, "{:?}", since.elapsed());
            bob.ask(json!({"type": "ping"})).await;
        });
    });
}

#[test]
fn one_session_too_many_closes_the_connections_of_the_one_not_seen_longest() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut oldest = Client::sign_up(&server, "ann").await;
            let mut next = Client::with_token(&server, &server.sign_in("ann").await).await;
            let store = server.store();
            store
                .write(|repository| {
                    let user = repository.find_user_by_name(&Username::new("ann").unwrap())?.unwrap();
                    let seen = repository.list_sessions(user.id(), 1)?[0].session.last_seen_at.plus_ms(1_000);
                    for number in 2..=SESSIONS_PER_USER_MAX {
                        let request = OpenSession {
                            user_id: user.id(),
                            verified: None,
                            token_hash: TokenHash::new([u8::try_from(number).unwrap(); 32]),
                            device: None,
                            seen_at: seen,
                            lifetime_ms: 1_000_000,
                            idle_ms: 1_000_000,
                        };
                        chat_domain::open_session(repository, seen, &request).unwrap();
                    }
                    Ok::<_, RepositoryError>(())
                })
                .unwrap();
            assert_eq!(oldest.closed().await, Some(4500));
            next.ask(json!({"type": "ping"})).await;
        });
    });
}

#[test]
fn a_long_log_is_obeyed_without_waiting_in_between() {
    on_each_backend(|database| {
        run(async {
            // The log is read when this server changed something itself, and not before.
            let server = TestServer::start_with(database, |config| config.timers.control_poll_ms = 600_000);
            let mut ann = Client::sign_up(&server, "ann").await;
            let mut bob = Client::sign_up(&server, "bob").await;
            let (store, name) = (server.store(), Username::new("ann").unwrap());
            store
                .write(|repository| {
                    let user_id = repository.find_user_by_name(&name)?.unwrap().id();
                    for _ in 0..1_200 {
                        repository.append_control(&ControlAction::UserEnabled { user_id }, NOW)?;
                    }
                    chat_domain::sign_out_everywhere(repository, NOW, &name)
                })
                .map_err(|error: ChangeUserError| error)
                .unwrap();
            bob.join("general").await;
            bob.ask(json!({"type": "leave_room", "room": "general"})).await;
            assert_eq!(ann.closed().await, Some(4500));
        });
    });
}

#[test]
fn rooms_appear_and_go_while_people_chat() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            let request = AddRoom {
                name: RoomName::new("yoga").unwrap(),
                description: RoomDescription::default(),
                announces_members: true,
            };
            let store = server.store();
            store.write(|repository| chat_domain::add_room(repository, NOW, request.clone())).unwrap();
            ann.expect("rooms_changed").await;
            ann.join("yoga").await;
            let stored = ann.say("yoga", "om", "k").await;
            store.write(|repository| chat_domain::archive_room(repository, NOW, &request.name)).unwrap();
            let left = ann.expect("room_left").await;
            assert_eq!((left["room"].clone(), left["reason"].clone()), (json!("yoga"), json!("archived")));
            assert_eq!(ann.refused(json!({"type": "join_room", "room": "yoga"})).await, "room_archived");
            let send = json!({"type": "send_message", "room": "yoga", "body": "still?", "key": "k2"});
            assert_eq!(ann.refused(send).await, "room_archived");
            let again = ann.say("yoga", "om", "k").await;
            assert_eq!((&again["seq"], &again["message_id"]), (&stored["seq"], &stored["message_id"]));
            let list = ann.ask(json!({"type": "get_rooms"})).await;
            assert_eq!(list["rooms"].as_array().unwrap().len(), 4);
        });
    });
}

#[test]
fn a_right_that_was_lost_is_refused_by_the_store_itself() {
    on_each_backend(|database| {
        run(async {
            // The log is read too late to help: the transaction that stores must refuse.
            let server = TestServer::start_with(database, |config| config.timers.control_poll_ms = 600_000);
            let mut ann = Client::sign_up(&server, "ann").await;
            ann.join("general").await;
            let store = server.store();
            let removed = store.write(|repository| {
                let user = repository.find_user_by_name(&Username::new("ann").unwrap())?.unwrap();
                let room = repository.find_room_by_name(&RoomName::new("general").unwrap())?.unwrap();
                repository.remove_participant(room.id, user.id())
            });
            removed.map_err(|error: RepositoryError| error).unwrap();
            let send = json!({"type": "send_message", "room": "general", "body": "hi", "key": "k"});
            assert_eq!(ann.refused(send).await, "not_a_member");
            let history = json!({"type": "get_history", "room": "general", "before": 5});
            assert_eq!(ann.refused(history).await, "not_a_member");
        });
    });
}
