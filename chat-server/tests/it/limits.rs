//! Limits: what happens at each of them, and that nobody else notices.

use serde_json::{Value, json};

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

/// Asks so often at once; gives back how many were answered before the first `rate_limited`, and its time to wait.
async fn answered_until_refused(client: &mut Client, event: &Value) -> (usize, u64) {
    for answered in 0.. {
        let answer = client.ask(event.clone()).await;
        if answer["code"] == "rate_limited" {
            return (answered, answer["retry_after_ms"].as_u64().unwrap());
        }
        assert_ne!(answer["type"], "error", "{answer}");
    }
    unreachable!("every answer is looked at")
}

#[test]
fn joins_history_and_read_marks_have_rates_of_their_own_per_person() {
    run(async {
        let server = TestServer::start_with(Database::sqlite(), |config| {
            config.limits.joins_per_second = Some(1);
            config.limits.history_per_second = Some(1);
            config.limits.marks_per_second = Some(1);
        });
        let mut ann = Client::sign_up(&server, "ann").await;
        let mut bob = Client::sign_up(&server, "bob").await;
        bob.join("general").await;
        let join = json!({"type": "join_room", "room": "general"});
        let history = json!({"type": "get_history", "room": "general", "before": 9});
        let mark = json!({"type": "mark_read", "room": "general", "seq": 1});
        // A slow machine may get some of the refill in between.
        for (event, at_once) in [(join, 20), (history.clone(), 5), (mark, 5)] {
            let (answered, wait_ms) = answered_until_refused(&mut ann, &event).await;
            assert!((at_once..at_once + 10).contains(&answered), "{answered} of {event}");
            assert!((1..=1_000).contains(&wait_ms), "{wait_ms} after {event}");
        }
        let leave = json!({"type": "leave_room", "room": "general"});
        assert_eq!(ann.refused(leave).await, "rate_limited", "leaving counts as joining");
        assert_eq!(
            ann.refused(json!({"type": "get_rooms"})).await,
            "rate_limited",
            "the list counts as history"
        );
        ann.say("general", "sending is another matter", "k").await;
        assert_eq!(bob.ask(history.clone()).await["type"], "history", "others are not concerned");
        let again = async { while ann.ask(history.clone()).await["type"] != "history" {} };
        tokio::time::timeout(crate::support::DEADLINE, again).await.unwrap();
    });
}

#[test]
fn too_much_typing_is_refused_and_harms_nothing_else() {
    run(async {
        let server =
            TestServer::start_with(Database::sqlite(), |config| config.limits.typing_per_second = Some(1));
        let mut ann = Client::sign_up(&server, "ann").await;
        ann.join("general").await;
        for _ in 0..100 {
            ann.send(json!({"type": "typing_start", "room": "general"})).await;
        }
        let refused = ann.everything().await;
        let refused: Vec<_> = refused.iter().filter(|event| event["code"] == "rate_limited").collect();
        assert!((85..=95).contains(&refused.len()), "{} of 100 were refused", refused.len());
        assert!(refused.iter().all(|event| event["retry_after_ms"].as_u64().is_some_and(|ms| ms <= 1_000)));
        ann.say("general", "sending is another matter", "k").await;
    });
}

/// Headers of a request that a trusted proxy forwards from an address.
fn from(address: &str) -> [(&'static str, String); 1] {
    [("X-Forwarded-For", address.to_owned())]
}

#[test]
fn an_address_opens_so_many_connections_and_a_whole_ipv6_network_is_one() {
    run(async {
        let server = TestServer::start_with(Database::sqlite(), |config| {
            config.limits.connections_per_minute = Some(3);
            config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        });
        let status = async |address: &str| {
            let headers = from(address);
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            match Client::connect(&server, &headers).await {
                Ok(_) => 101,
                Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                    assert!(answer.headers().contains_key("retry-after"));
                    answer.status().as_u16()
                }
                Err(error) => panic!("{error}"),
            }
        };
        for address in ["203.0.113.7", "203.0.113.7", "203.0.113.7"] {
            assert_eq!(status(address).await, 101);
        }
        assert_eq!(status("203.0.113.7").await, 429);
        assert_eq!(status("::ffff:203.0.113.7").await, 429, "the same address, written as IPv6");
        assert_eq!(status("6.6.6.6, 203.0.113.7").await, 429, "what the client wrote itself is not believed");
        assert_eq!(status("203.0.113.8").await, 101, "another address");
        for (host, wanted) in [("1", 101), ("2", 101), ("ffff:1", 101), ("3", 429)] {
            assert_eq!(status(&format!("2001:db8::{host}")).await, wanted, "{host}");
        }
        assert_eq!(status("2001:db8:0:1::1").await, 101, "the next network");
        let look = async |address: &str| {
            http::get(server.address, "/chat", &[("X-Forwarded-For", address)]).await.status
        };
        for wanted in [303, 303, 303, 429] {
            assert_eq!(look("203.0.113.7").await, wanted, "requests have as many of their own");
        }
        let ready = http::get(server.address, "/readyz", &[("X-Forwarded-For", "203.0.113.7")]).await;
        assert_eq!(ready.status, 429, "asking whether it is ready costs a commit");
        for _ in 0..10 {
            assert_eq!(status("127.0.0.1").await, 101, "this machine's own address has no such limit");
        }
    });
}

#[test]
fn a_guesser_waits_longer_and_longer_and_the_owner_signs_in_elsewhere() {
    run(async {
        let server = TestServer::start_with(Database::sqlite(), |config| {
            config.limits.logins_per_minute = Some(1_000_000);
            config.limits.login_failures = Some(3);
            config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        });
        server.sign_up("ann").await;
        let login = async |name: &str, password: &str, address: &str| {
            let body = json!({"username": name, "password": password});
            let headers = from(address);
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = http::post(server.address, "/api/v1/login", &body, &headers).await;
            (answer.status, answer.json()["retry_after_ms"].as_u64())
        };
        for name in ["ann", "nobody"] {
            for _ in 0..3 {
                assert_eq!(login(name, "a wrong guess", "203.0.113.7").await, (401, None), "{name}");
            }
            let (status, wait_ms) = login(name, "a wrong guess", "203.0.113.7").await;
            assert_eq!(status, 429, "{name}");
            assert!((1..=1_000).contains(&wait_ms.unwrap()), "{wait_ms:?} for {name}");
        }
        let right = "password of ann";
        assert_eq!(login("ann", right, "203.0.113.7").await.0, 429, "right or wrong is not told meanwhile");
        assert_eq!(login("ann", right, "198.51.100.9").await.0, 200, "the owner is not locked out");
        let waited = async { while login("ann", right, "203.0.113.7").await.0 != 200 {} };
        tokio::time::timeout(crate::support::DEADLINE, waited).await.unwrap();
        for _ in 0..3 {
            let (status, _) = login("ann", "a wrong guess", "203.0.113.7").await;
            assert_eq!(status, 401, "whoever has signed in begins anew");
        }
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
