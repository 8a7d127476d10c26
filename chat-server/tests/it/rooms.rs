//! Rooms: the list, joining, paging, catching up, unread counts.

use serde_json::{Value, json};

use crate::support::{Client, TestServer, on_each_backend, run};

#[test]
fn a_new_chat_has_the_four_default_rooms() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            let list = ann.ask(json!({"type": "get_rooms"})).await;
            let rooms = list["rooms"].as_array().unwrap();
            let named: Vec<(&str, &str)> = rooms
                .iter()
                .map(|room| (room["name"].as_str().unwrap(), room["description"].as_str().unwrap()))
                .collect();
            assert_eq!(named, chat_domain::DEFAULT_ROOMS);
            assert!(rooms.iter().all(|room| room["kind"] == "open" && room["joined"] == false));
        });
    });
}

#[test]
fn joining_shows_the_last_messages_and_paging_the_older_ones() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            let first = ann.join("general").await;
            assert_eq!((first["has_more"].clone(), first["reset"].clone()), (json!(false), json!(false)));
            assert_eq!(first["participants"][0]["user"]["username"], "ann");
            assert_eq!(first["participants"][0]["is_online"], true);
            for n in 2..=120 {
                ann.say("general", &format!("m{n}"), &format!("k{n}")).await;
            }
            let joined = ann.join("general").await;
            assert_eq!(seqs(&joined), (71..=120).collect::<Vec<_>>());
            assert_eq!(joined["has_more"], true);
            let page = |before: i64, limit: i64| json!({"type": "get_history", "room": "general", "before": before, "limit": limit});
            let older = ann.ask(page(71, 60)).await;
            assert_eq!((seqs(&older), older["has_more"].clone()), ((11..=70).collect(), json!(true)));
            let oldest = ann.ask(page(11, 60)).await;
            assert_eq!((seqs(&oldest), oldest["has_more"].clone()), ((1..=10).collect(), json!(false)));
            let default = ann.ask(json!({"type": "get_history", "room": "general", "before": 1000})).await;
            assert_eq!(seqs(&default), (71..=120).collect::<Vec<_>>());
        });
    });
}

#[test]
fn catching_up_is_whole_or_a_reset() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            let epoch = ann.join("general").await["epoch"].as_str().unwrap().to_owned();
            for n in 2..=20 {
                ann.say("general", &format!("m{n}"), &format!("k{n}")).await;
            }
            let resume = |after: i64, epoch: &str| json!({"type": "join_room", "room": "general", "after": after, "epoch": epoch});
            let some = ann.ask(resume(15, &epoch)).await;
            assert_eq!((seqs(&some), some["reset"].clone()), ((16..=20).collect(), json!(false)));
            assert_eq!(some["last_seq"], 20);
            let nothing = ann.ask(resume(20, &epoch)).await;
            assert_eq!((seqs(&nothing), nothing["reset"].clone()), (vec![], json!(false)));
            for (after, epoch) in [(15, "another"), (21, epoch.as_str())] {
                let reset = ann.ask(resume(after, epoch)).await;
                assert_eq!((seqs(&reset), reset["reset"].clone()), ((1..=20).collect(), json!(true)));
            }
        });
    });
}

#[test]
fn what_happens_during_a_join_is_neither_lost_nor_told_twice() {
    on_each_backend(|database| {
        run(async {
            const MESSAGES: i64 = 200;
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            let mut bob = Client::sign_up(&server, "bob").await;
            ann.join("general").await;
            let mut last = bob.join("general").await["last_seq"].as_i64().unwrap();
            let is_done = std::cell::Cell::new(false);
            // One commit per message, and joins all the time: many of them meet.
            let talk = async {
                for n in 0..MESSAGES {
                    ann.say("general", &n.to_string(), &n.to_string()).await;
                }
                is_done.set(true);
            };
            let rejoin = async {
                while !is_done.get() {
                    for _ in 0..8 {
                        let resume = json!({"type": "join_room", "room": "general", "after": last});
                        bob.send(resume).await;
                    }
                    bob.ask(json!({"type": "ping"})).await;
                }
            };
            futures_util::future::join(talk, rejoin).await;
            // What bob gets, in the order in which it comes, by the rule of the protocol.
            while last < 2 + MESSAGES {
                let event = bob
                    .find("an event", |event| {
                        event["type"] == "new_message" || event["type"] == "room_joined"
                    })
                    .await;
                if event["type"] == "room_joined" {
                    let top = event["last_seq"].as_i64().unwrap();
                    assert!(top >= last, "a snapshot is never older than what was told before it");
                    last = top;
                } else {
                    let seq = event["seq"].as_i64().unwrap();
                    assert_eq!(seq, last + 1, "a hole, or told twice");
                    last = seq;
                }
            }
        });
    });
}

#[test]
fn unread_counts_follow_reading_on_all_devices() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            ann.join("general").await;
            let token = server.sign_up("bob").await;
            let mut phone = Client::with_token(&server, &token).await;
            let mut desk = Client::with_token(&server, &token).await;
            phone.join("general").await;
            desk.join("general").await;
            for n in 0..5 {
                ann.say("general", &format!("m{n}"), &format!("k{n}")).await;
            }
            let unread = async |client: &mut Client| {
                let list = client.ask(json!({"type": "get_rooms"})).await;
                let general = &list["rooms"][0];
                (general["unread"].as_i64().unwrap(), general["read_seq"].as_i64().unwrap())
            };
            assert_eq!(unread(&mut desk).await.0, 5);
            let seq = ann.say("general", "last", "kl").await["seq"].as_i64().unwrap();
            let read = phone.ask(json!({"type": "mark_read", "room": "general", "seq": seq - 2})).await;
            assert_eq!(read["type"], "ack");
            let marker = desk.expect("read_marker").await;
            assert_eq!((marker["read_seq"].clone(), marker["unread"].clone()), (json!(seq - 2), json!(2)));
            assert!(phone.everything().await.iter().all(|event| event["type"] != "read_marker"));
            phone.ask(json!({"type": "mark_read", "room": "general", "seq": 1})).await;
            assert_eq!(unread(&mut desk).await, (2, seq - 2), "a read position never falls");
            phone.ask(json!({"type": "mark_read", "room": "general", "seq": 1_000_000})).await;
            assert_eq!(unread(&mut desk).await, (0, seq));
            assert_eq!(unread(&mut ann).await.0, 0, "one's own messages are read");
        });
    });
}

#[test]
fn leaving_ends_it_on_all_devices_and_others_are_told() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let mut ann = Client::sign_up(&server, "ann").await;
            ann.join("general").await;
            let token = server.sign_up("bob").await;
            let mut phone = Client::with_token(&server, &token).await;
            let mut desk = Client::with_token(&server, &token).await;
            phone.join("general").await;
            desk.join("general").await;
            assert_eq!(ann.expect("user_joined").await["user"]["username"], "bob");
            let answer = phone.ask(json!({"type": "leave_room", "room": "general"})).await;
            assert_eq!(answer["type"], "ack");
            assert_eq!(phone.expect("room_left").await["reason"], "left");
            assert_eq!(desk.expect("room_left").await["room"], "general");
            let left = ann.expect("user_left").await;
            assert_eq!((left["reason"].clone(), left["members"].clone()), (json!("left"), json!(1)));
            ann.say("general", "without bob", "k").await;
            let heard = desk.everything().await;
            assert!(heard.iter().all(|event| event["message"]["body"] != "without bob"), "{heard:?}");
            assert_eq!(phone.refused(json!({"type": "leave_room", "room": "general"})).await, "not_a_member");
            let again = phone.join("general").await;
            assert_eq!(again["members"], 2);
            ann.say("general", "welcome back", "k2").await;
            phone.hear("welcome back").await;
        });
    });
}

fn seqs(event: &Value) -> Vec<i64> {
    event["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_i64().unwrap()).collect()
}
