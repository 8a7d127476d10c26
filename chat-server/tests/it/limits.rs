//! Limits: what happens at each of them, and that nobody else notices.

use serde_json::json;

use crate::support::{Client, Database, TestServer, http, run};

#[test]
fn too_many_messages_are_refused_with_a_time_to_try_again() {
    run(async {
        let server =
            TestServer::start_with(Database::sqlite(), |config| config.limits.messages_per_second = Some(2));
        let mut ann = Client::sign_up(&server, "ann").await;
        ann.join("general").await;
        for n in 0..4 {
            ann.say("general", "quick", &format!("k{n}")).await;
        }
        let send = json!({"type": "send_message", "room": "general", "body": "too quick", "key": "k4"});
        let refused = ann.ask(send.clone()).await;
        assert_eq!(refused["code"], "rate_limited");
        let wait_ms = refused["retry_after_ms"].as_u64().unwrap();
        assert!((1..=500).contains(&wait_ms), "{wait_ms}");
        let retried = async { while ann.ask(send.clone()).await["type"] != "ack" {} };
        tokio::time::timeout(crate::support::DEADLINE, retried).await.unwrap();
    });
}

#[test]
fn too_many_sign_ins_are_refused() {
    run(async {
        let server =
            TestServer::start_with(Database::sqlite(), |config| config.limits.logins_per_minute = Some(2));
        let wrong = json!({"username": "nobody", "password": "nothing at all"});
        assert_eq!(server.post("/api/v1/login", &wrong).await.status, 401);
        assert_eq!(server.post("/api/v1/login", &wrong).await.status, 401);
        let refused = server.post("/api/v1/login", &wrong).await;
        assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"));
        assert!(refused.header("retry-after").is_some());
        let forged = [("X-Forwarded-For", "1.2.3.4")];
        assert_eq!(
            http::post(server.address, "/api/v1/login", &wrong, &forged).await.status,
            429,
            "not believed"
        );
    });
}

#[test]
fn the_oldest_connection_of_a_person_gives_way() {
    run(async {
        let server =
            TestServer::start_with(Database::sqlite(), |config| config.limits.connections_per_user = 2);
        let token = server.sign_up("ann").await;
        let mut first = Client::with_token(&server, &token).await;
        let mut second = Client::with_token(&server, &token).await;
        let mut third = Client::with_token(&server, &token).await;
        assert_eq!(first.closed().await, Some(4504));
        second.ask(json!({"type": "ping"})).await;
        third.ask(json!({"type": "ping"})).await;
    });
}

#[test]
fn a_full_server_says_so_instead_of_taking_one_more() {
    run(async {
        let server = TestServer::start_with(Database::sqlite(), |config| config.limits.connections = 1);
        let token = server.sign_up("ann").await;
        let mut first = Client::with_token(&server, &token).await;
        match Client::connect(&server, &[]).await {
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                assert_eq!(answer.status().as_u16(), 503);
                assert!(answer.headers().contains_key("retry-after"));
            }
            _ => panic!("one more was let in"),
        }
        first.ask(json!({"type": "ping"})).await;
        drop(first);
        let again = async { while Client::connect(&server, &[]).await.is_err() {} };
        tokio::time::timeout(crate::support::DEADLINE, again).await.unwrap();
    });
}

#[test]
fn who_does_not_read_is_closed_and_resumes_and_nobody_else_notices() {
    run(async {
        // Time enough for the slow one to read what the kernel holds, and the code behind it.
        let patient = |config: &mut chat_server::Config| config.timers.close_timeout_ms = 10_000;
        let server = TestServer::start_with(Database::sqlite(), patient);
        let mut ann = Client::sign_up(&server, "ann").await;
        let mut bob = Client::sign_up(&server, "bob").await;
        let token = server.sign_up("slow").await;
        let mut slow = Client::with_token(&server, &token).await;
        for client in [&mut ann, &mut bob, &mut slow] {
            client.join("general").await;
        }
        // More than the kernel (some hundred KiB on each side) and the queue (256 KiB) hold for one connection.
        let body = "x".repeat(8_000);
        for n in 0..250 {
            ann.say("general", &body, &format!("k{n}")).await;
            bob.hear(&body).await;
        }
        let last = ann.say("general", "the end", "end").await;
        bob.hear("the end").await;
        assert_eq!(slow.closed().await, Some(4000));
        let mut back = Client::with_token(&server, &token).await;
        let joined = back
            .ask(json!({"type": "join_room", "room": "general", "after": last["seq"].as_i64().unwrap() - 3}))
            .await;
        assert_eq!(joined["messages"].as_array().unwrap().len(), 3);
        assert_eq!(joined["reset"], false);
    });
}

#[test]
fn a_burst_of_long_messages_closes_nobody_who_reads() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut clients = Vec::new();
        for name in ["ann", "bob", "cleo"] {
            let mut client = Client::sign_up(&server, name).await;
            client.join("general").await;
            clients.push(client);
        }
        let body = "x".repeat(8_000);
        for n in 0..20 {
            for client in &mut clients {
                let send =
                    json!({"type": "send_message", "room": "general", "body": body, "key": format!("k{n}")});
                client.send(send).await;
            }
        }
        // All read at once: whoever doesn't read is not read from either, and the others would wait for its messages.
        let hear_all = clients.iter_mut().map(async |client| {
            for _ in 0..60 {
                client.hear(&body).await;
            }
        });
        futures_util::future::join_all(hear_all).await;
    });
}

#[test]
fn a_silent_peer_is_pinged_and_then_gone() {
    run(async {
        let server = TestServer::start_with(Database::sqlite(), |config| {
            config.timers.ping_after_ms = 100;
            config.timers.idle_timeout_ms = 400;
        });
        let mut ann = Client::sign_up(&server, "ann").await;
        ann.join("general").await;
        let token = server.sign_up("bob").await;
        let mut bob = Client::with_token(&server, &token).await;
        bob.join("general").await;
        ann.expect("user_joined").await;
        // A peer that vanished answers no ping: bob's socket stays open and is never read again. Ann's client answers.
        let left = ann.expect("user_left").await;
        assert_eq!(left["user"]["username"], "bob");
        ann.ask(json!({"type": "ping"})).await;
        drop(bob);
    });
}
