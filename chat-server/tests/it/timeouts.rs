//! Time limits: whoever is slow or silent is cut off in time, and nobody waits for them.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::frames::{CONTINUES, TEXT_BEGINS, frame};
use crate::support::{Client, DEADLINE, Database, TestServer, http, run};

/// A server with short times for plain HTTP.
fn impatient() -> TestServer {
    TestServer::start_with(Database::sqlite(), |config| {
        config.timers.header_timeout_ms = 300;
        config.timers.body_timeout_ms = 300;
        config.timers.http_lifetime_ms = 1_000;
        config.timers.sign_in_timeout_ms = 300;
    })
}

/// What comes back until the server ends the connection, on which so much was sent.
async fn all_after(server: &TestServer, sent: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await;
    assert!(read.is_ok(), "the connection was not ended after {sent:?}");
    answer
}

#[test]
fn silence_half_headers_and_idle_connections_are_cut() {
    run(async {
        let server = impatient();
        assert_eq!(all_after(&server, "").await, "", "nobody asked for anything");
        all_after(&server, "GET /healthz HTTP/1.1\r\nHost: h\r\nX-Slow: ").await;
        let answered = all_after(&server, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert!(answered.starts_with("HTTP/1.1 200"), "and then the idle connection ended: {answered}");
    });
}

#[test]
fn a_header_that_comes_byte_by_byte_is_cut_too() {
    run(async {
        let server = impatient();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let begun = Instant::now();
        // Each byte comes in time; all of them would not.
        for byte in format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1_000)).as_bytes() {
            let cut = tokio::time::timeout(Duration::from_millis(30), stream.read_u8()).await;
            if cut.is_ok() || stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "it was never cut");
        }
        panic!("all of it was taken");
    });
}

#[test]
fn a_body_that_does_not_come_is_answered_with_408() {
    run(async {
        let server = impatient();
        let head = "POST /api/v1/login HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                    Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{\"user";
        let answer = all_after(&server, head).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    });
}

#[test]
fn whoever_keeps_asking_on_one_connection_must_come_anew() {
    run(async {
        let server = impatient();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let ask = async {
            while writer.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let mut answers = Vec::new();
        let ended = async {
            let _ = reader.read_to_end(&mut answers).await;
        };
        let work = async {
            tokio::select! { () = ask => {}, () = ended => {} }
        };
        assert!(tokio::time::timeout(DEADLINE, work).await.is_ok(), "it was served for ever");
        assert!(String::from_utf8(answers).unwrap().matches("HTTP/1.1 200").count() > 1);
    });
}

#[test]
fn whoever_takes_no_answer_is_cut() {
    run(async {
        let server = impatient();
        let page = http::get(server.address, "/login", &[]).await.body;
        let script = page.split('"').find(|part| part.ends_with(".js")).unwrap().to_owned();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!("GET {script} HTTP/1.1\r\nHost: h\r\n\r\n");
        // Answers enough to fill every buffer on the way, and nobody reads them.
        let ask = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
        assert!(tokio::time::timeout(DEADLINE, ask).await.is_ok(), "the server waits for ever");
    });
}

#[test]
fn talking_is_not_signing_in() {
    run(async {
        let server = impatient();
        let mut talkative = Client::connect(&server, &[]).await.unwrap();
        for _ in 0..3 {
            assert_eq!(talkative.refused(json!({"type": "ping"})).await, "unauthenticated");
        }
        assert_eq!(talkative.closed().await, Some(4503));
    });
}

#[test]
fn a_message_that_is_never_finished_does_not_keep_a_connection() {
    run(async {
        let server = TestServer::start_with(Database::sqlite(), |config| {
            config.timers.ping_after_ms = 300;
            config.timers.idle_timeout_ms = 1_500;
        });
        let mut ann = Client::sign_up(&server, "ann").await;
        let stream = ann.socket.get_mut();
        stream.write_all(&frame(TEXT_BEGINS, b"")).await.unwrap();
        let begun = Instant::now();
        // Empty continuations for ever: something comes all the time, and never a message.
        while stream.write_all(&frame(CONTINUES, b"")).await.is_ok() {
            assert!(begun.elapsed() < DEADLINE, "it is kept for ever");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn a_silent_peer_is_pinged_and_then_gone() {
    run(async {
        let server = TestServer::start_with(Database::sqlite(), |config| {
            config.timers.ping_after_ms = 300;
            config.timers.idle_timeout_ms = 1_500;
        });
        let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
        let mut ann = Client::with_token(&server, &ann).await;
        ann.join("general").await;
        let mut bob = Client::with_token(&server, &bob).await;
        bob.join("general").await;
        ann.expect("user_joined").await;
        // A peer that vanished answers no ping: bob's socket stays open and is never read again. Ann's client answers.
        let left = ann.expect("user_left").await;
        assert_eq!(left["user"]["username"], "bob");
        ann.ask(json!({"type": "ping"})).await;
        drop(bob);
    });
}
