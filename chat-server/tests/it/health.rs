//! `/healthz` and `/readyz`: whether the process lives, and which part of it can't serve.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::database::sqlite;
use crate::support::proxy::Proxy;
use crate::support::{Client, DEADLINE, Database, TestServer, http, on_each_backend, run};

/// Three times what is promised.
const ANSWER: Duration = Duration::from_secs(9);

async fn readiness(server: &TestServer) -> (u16, Value) {
    let since = Instant::now();
    let answer = http::get(server.address, "/readyz", &[]).await;
    assert!(since.elapsed() < ANSWER, "{:?}", since.elapsed());
    (answer.status, answer.json())
}

/// Asks until the server says that it is ready.
async fn until_ready(server: &TestServer) {
    let work = async { while readiness(server).await.0 != 200 {} };
    tokio::time::timeout(DEADLINE, work).await.expect("the server becomes ready again");
}

#[test]
fn a_server_that_can_serve_says_so() {
    on_each_backend(|database| {
        run(async {
            let server = TestServer::start(database);
            let (status, body) = readiness(&server).await;
            assert_eq!(status, 200);
            assert_eq!(
                (&body["ready"], &body["database"], &body["draining"]),
                (&json!(true), &json!(true), &json!(false))
            );
            let ready = json!({"ready": true});
            assert_eq!(body["parts"], json!({"database": ready, "writer": ready, "draining": ready}));
            assert!(body["warnings"].is_array());
            assert_eq!(http::get(server.address, "/healthz", &[]).await.body, "ok\n");
        });
    });
}

#[test]
fn a_database_that_says_nothing_is_named_in_time_and_heals_by_itself() {
    let Some(mut database) = Database::postgres() else { return };
    let proxy = Proxy::in_front_of(&mut database.url);
    run(async {
        let server = TestServer::start(database);
        assert_eq!(readiness(&server).await.0, 200);
        let hold = proxy.hold();
        let (status, body) = readiness(&server).await;
        assert_eq!(status, 503);
        assert_eq!((&body["ready"], &body["database"]), (&json!(false), &json!(false)));
        let silent = json!({"ready": false, "why": "it does not answer"});
        assert_eq!(body["parts"]["database"], silent);
        assert_eq!(body["parts"]["writer"], silent);
        assert_eq!(body["parts"]["draining"], json!({"ready": true}));
        let text = body.to_string();
        for secret in [proxy.address.to_string(), "postgres".to_owned(), "127.0.0.1".to_owned()] {
            assert!(!text.contains(&secret), "{text}");
        }
        assert_eq!(http::get(server.address, "/healthz", &[]).await.status, 200, "the process lives");
        until_metrics(&server, "chat_database_up 0").await;
        drop(hold);
        until_ready(&server).await;
        until_metrics(&server, "chat_database_up 1").await;
    });
}

/// Waits until a line stands in the metrics.
async fn until_metrics(server: &TestServer, line: &str) {
    let work = async {
        while !http::get(server.address, "/metrics", &[]).await.body.lines().any(|held| held == line) {}
    };
    tokio::time::timeout(DEADLINE, work).await.unwrap_or_else(|_| panic!("{line} did not come"));
}

#[test]
fn a_writer_that_cannot_commit_is_told_from_a_database_that_cannot_be_read() {
    run(async {
        let server = TestServer::start(Database::sqlite());
        let mut other = sqlite(&server.database.url);
        other.batch_execute("PRAGMA busy_timeout = 15000; BEGIN IMMEDIATE").unwrap();
        let (status, body) = readiness(&server).await;
        assert_eq!(status, 503);
        assert_eq!(body["parts"]["database"], json!({"ready": true}));
        assert_eq!(body["parts"]["writer"], json!({"ready": false, "why": "it does not answer"}));
        assert_eq!(body["database"], true);
        other.batch_execute("COMMIT").unwrap();
        until_ready(&server).await;
    });
}

#[test]
fn a_server_that_goes_away_is_not_ready() {
    run(async {
        let server =
            TestServer::start_with(Database::sqlite(), |config| config.timers.drain_spread_ms = 2_000);
        let address = server.address;
        // Somebody who stays for a while, and a connection from before: a new one is not taken any more.
        let _ann = Client::sign_up(&server, "ann").await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let ask = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        assert!(ask_again(&mut stream, ask).await.contains("\"draining\":false"));
        let ended = std::thread::spawn(move || drop(server));
        let work = async {
            loop {
                let answer = ask_again(&mut stream, ask).await;
                if answer.contains("\"draining\":true") {
                    return answer;
                }
            }
        };
        let answer = tokio::time::timeout(DEADLINE, work).await.expect("the drain is told");
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(
            answer.contains("\"draining\":{\"ready\":false,\"why\":\"the server goes away\"}"),
            "{answer}"
        );
        ended.join().unwrap();
    });
}

/// Asks on a connection that stays open; the answer is one JSON document.
async fn ask_again(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"}") {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the connection ended");
    }
    String::from_utf8(bytes).unwrap()
}
