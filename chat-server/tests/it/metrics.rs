//! `/metrics`: what it counts, in which format, and who may read it.

use std::collections::BTreeMap;

use chat_server::Config;
use serde_json::json;

use crate::support::exposition::{Family, parse};
use crate::support::server::credentials;
use crate::support::{Client, Database, TestServer, http, left_out, on_each_backend, run};

type Families = BTreeMap<String, Family>;
/// A name, labels and a value.
type Sample<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

async fn scrape(server: &TestServer) -> Families {
    let answer = http::get(server.address, "/metrics", &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    parse(&answer.body)
}

/// The sum of the samples that have these labels.
fn value(families: &Families, name: &str, labels: &[(&str, &str)]) -> f64 {
    let (name, suffix) = ["_total", "_count"]
        .iter()
        .find_map(|suffix| Some((name.strip_suffix(suffix)?, *suffix)))
        .unwrap_or((name, ""));
    let family = families.get(name).unwrap_or_else(|| panic!("there is no {name}"));
    let matching = family.samples.iter().filter(|((held, all), _)| {
        held == suffix && labels.iter().all(|(name, value)| all.get(*name).is_some_and(|held| held == value))
    });
    let values: Vec<f64> = matching.map(|(_, value)| *value).collect();
    assert!(!values.is_empty(), "{name} has no sample with {labels:?}");
    values.iter().sum()
}

/// Waits until a sample has a value.
async fn until(server: &TestServer, name: &str, labels: &[(&str, &str)], wanted: f64) -> Families {
    let work = async {
        loop {
            let families = scrape(server).await;
            if value(&families, name, labels) == wanted {
                return families;
            }
        }
    };
    tokio::time::timeout(crate::support::DEADLINE, work)
        .await
        .unwrap_or_else(|_| panic!("{name}{labels:?} did not become {wanted}"))
}

#[test]
fn real_traffic_is_counted() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start_with(database, |config| config.limits.connections_per_user = 2);
            let before = scrape(&server).await;
            assert_eq!(value(&before, "chat_connections", &[]), 0.0);
            let mut ann = Client::sign_up(&server, "ann").await;
            let mut bob = Client::sign_up(&server, "bob").await;
            for client in [&mut ann, &mut bob] {
                client.join("general").await;
            }
            for n in 0..3 {
                ann.say("general", "counted", &n.to_string()).await;
            }
            // Sent again it is stored once.
            ann.say("general", "counted", "2").await;
            assert_eq!(ann.refused(json!({"type": "join_room", "room": "nowhere"})).await, "unknown_room");
            assert_eq!(ann.refused(json!({"type": "dance"})).await, "unknown_type");
            let conflict = json!({"type": "send_message", "room": "general", "body": "other", "key": "2"});
            assert_eq!(ann.refused(conflict).await, "key_conflict");
            let mut stranger = Client::connect(&server, &[]).await.unwrap();
            assert_eq!(stranger.refused(json!({"type": "get_rooms"})).await, "unauthenticated");
            let wrong = json!({"username": "ann", "password": "password of bob"});
            assert_eq!(server.post("/api/v1/login", &wrong).await.status, 401);
            assert_eq!(server.post("/api/v1/login", &json!({})).await.status, 400);
            assert_eq!(server.post("/api/v1/register", &credentials("ann")).await.status, 409);
            assert_eq!(http::get(server.address, "/nowhere", &[]).await.status, 404);

            let now = scrape(&server).await;
            let table: &[Sample<'_>] = &[
                ("chat_connections", &[("state", "signed_in")], 2.0),
                ("chat_connections", &[("state", "not_yet")], 1.0),
                ("chat_rooms", &[("state", "active")], 4.0),
                ("chat_rooms", &[("state", "archived")], 0.0),
                ("chat_messages_stored_total", &[("kind", "text")], 3.0),
                ("chat_messages_stored_total", &[("kind", "join")], 2.0),
                ("chat_refusals_total", &[("transport", "websocket"), ("code", "unknown_room")], 1.0),
                ("chat_refusals_total", &[("transport", "websocket"), ("code", "unknown_type")], 1.0),
                ("chat_refusals_total", &[("transport", "websocket"), ("code", "key_conflict")], 1.0),
                ("chat_refusals_total", &[("transport", "websocket"), ("code", "unauthenticated")], 1.0),
                ("chat_refusals_total", &[("transport", "websocket")], 4.0),
                ("chat_refusals_total", &[("transport", "http"), ("code", "unknown_type")], 1.0),
                ("chat_refusals_total", &[("transport", "http")], 4.0),
                ("chat_logins_total", &[("outcome", "ok")], 2.0),
                ("chat_logins_total", &[("outcome", "wrong")], 1.0),
                ("chat_logins_total", &[("outcome", "refused")], 1.0),
                ("chat_logins_total", &[], 4.0),
                ("chat_registrations_total", &[("outcome", "ok")], 2.0),
                ("chat_registrations_total", &[("outcome", "refused")], 1.0),
                // Whoever is no member yet is read twice.
                ("chat_store_reads_total", &[("what", "room")], 4.0),
                ("chat_store_reads_total", &[("what", "history")], 0.0),
                ("chat_closes_total", &[], 0.0),
                ("chat_database_up", &[], 1.0),
                ("chat_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0),
            ];
            for (name, labels, wanted) in table {
                assert_eq!(value(&now, name, labels), *wanted, "{name} {labels:?}");
            }
            let commits = value(&now, "chat_commit_seconds_count", &[]);
            assert!(commits > value(&before, "chat_commit_seconds_count", &[]));
            assert_eq!(commits, value(&now, "chat_commit_batch_commands_count", &[]));
            assert!(value(&now, "chat_http_connections", &[]) >= 1.0, "this very one");
            assert!(value(&now, "process_start_time_seconds", &[]) > 1.7e9);
            if cfg!(target_os = "linux") {
                assert!(value(&now, "process_resident_memory_bytes", &[]) > 1e6);
                assert!(value(&now, "process_open_fds", &[]) > 8.0);
                assert!(value(&now, "process_max_fds", &[]) > 8.0);
            }

            // The third connection of bob makes the first one go.
            let token = server.sign_in("bob").await;
            let _more =
                [Client::with_token(&server, &token).await, Client::with_token(&server, &token).await];
            assert_eq!(bob.closed().await, Some(4504));
            drop(stranger);
            let closed = [("code", "4504"), ("reason", "too_many_connections")];
            let now = until(&server, "chat_closes_total", &closed, 1.0).await;
            assert_eq!(value(&now, "chat_closes_total", &[]), 1.0);
            until(&server, "chat_connections", &[("state", "not_yet")], 0.0).await;
            until(&server, "chat_connections", &[("state", "signed_in")], 3.0).await;
        });
    });
}

#[test]
fn sign_ins_above_the_rate_are_counted_as_throttled() {
    run(async {
        let few = |config: &mut Config| config.limits.logins_per_minute = Some(1);
        let server = TestServer::start_with(Database::sqlite(), few);
        let wrong = json!({"username": "nobody", "password": "nothing at all"});
        assert_eq!(server.post("/api/v1/login", &wrong).await.status, 401);
        assert_eq!(server.post("/api/v1/login", &wrong).await.status, 429);
        let now = scrape(&server).await;
        assert_eq!(value(&now, "chat_logins_total", &[("outcome", "throttled")]), 1.0);
        assert_eq!(value(&now, "chat_logins_total", &[("outcome", "wrong")]), 1.0);
    });
}

#[test]
fn without_a_token_only_this_machine_reads_the_metrics_and_not_through_a_proxy() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        for name in ["X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via"] {
            let answer = http::get(server.address, "/metrics", &[(name, "127.0.0.1")]).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{name}");
        }
        for host in ["chat.example", "chat.example:443", "127.0.0.1.evil.example", "10.0.0.1", "[fe80::1]"] {
            let answer = http::get(server.address, "/metrics", &[("Host", host)]).await;
            assert_eq!(answer.status, 403, "{host}");
        }
        for host in ["localhost:1", "127.0.0.1", "[::1]:8081", "LOCALHOST"] {
            let answer = http::get(server.address, "/metrics", &[("Host", host)]).await;
            assert_eq!(answer.status, 200, "{host}");
        }
        let post = http::post(server.address, "/metrics", &json!({}), &[]).await;
        assert_eq!(post.status, 405);

        let trusting = |config: &mut Config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        let server = TestServer::start_with(Database::sqlite(), trusting);
        assert_eq!(http::get(server.address, "/metrics", &[]).await.status, 403, "the peer is a proxy");
    });
}

#[test]
fn another_machine_does_not_read_the_metrics_without_a_token() {
    let Some(other) = own_address() else {
        return left_out("the metrics from another machine", "this machine has no address but loopback");
    };
    run(async {
        let server = TestServer::start_with(Database::sqlite(), |config| {
            config.bind = "0.0.0.0:0".parse().unwrap();
        });
        let address = (other, server.address.port()).into();
        let answer = http::get(address, "/metrics", &[("Host", "localhost")]).await;
        assert_eq!(answer.status, 403, "the peer is {other}");
        let address = (std::net::Ipv4Addr::LOCALHOST, server.address.port()).into();
        assert_eq!(http::get(address, "/metrics", &[]).await.status, 200);
    });
}

/// An address of this machine that is not loopback. Connecting a UDP socket sends nothing.
fn own_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn with_a_token_whoever_has_it_reads_the_metrics_and_nobody_else() {
    run(async {
        let server = TestServer::start_with(Database::sqlite(), |config| {
            config.metrics_token = chat_server::MetricsToken::new("a token of the tests");
        });
        let table = [
            ("Bearer a token of the tests", 200),
            ("bearer a token of the tests", 200),
            ("Bearer a token of the test", 401),
            ("Bearer a token of the tests2", 401),
            ("Bearer ", 401),
            ("Bearer", 401),
            ("Basic a token of the tests", 401),
            ("a token of the tests", 401),
        ];
        for (field, status) in table {
            let answer = http::get(server.address, "/metrics", &[("Authorization", field)]).await;
            assert_eq!(answer.status, status, "{field}");
        }
        let without = http::get(server.address, "/metrics", &[]).await;
        assert_eq!((without.status, without.code().as_str()), (401, "unauthenticated"));
        let ann = format!("Bearer {}", server.sign_up("ann").await);
        let answer = http::get(server.address, "/metrics", &[("Authorization", &ann)]).await;
        assert_eq!(answer.status, 401, "a person's token is another thing");
        let forwarded = [("Authorization", "Bearer a token of the tests"), ("X-Forwarded-For", "1.2.3.4")];
        assert_eq!(http::get(server.address, "/metrics", &forwarded).await.status, 200);
    });
}

#[test]
fn the_type_of_the_answer_is_the_one_that_was_asked_for() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5";
        let typed = http::get(server.address, "/metrics", &[("Accept", prometheus)]).await;
        let plain = http::get(server.address, "/metrics", &[]).await;
        assert_eq!(
            typed.header("content-type"),
            Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
        );
        assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        assert_eq!(plain.header("cache-control"), Some("no-store"));
        parse(&typed.body);
    });
}
