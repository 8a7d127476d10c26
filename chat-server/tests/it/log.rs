//! The log: one line per event, in JSON with the same fields; who signed in, failed to or lost a right; no secrets.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::process::{Process, chat_server, sign_up};
use crate::support::server::credentials;
use crate::support::{Client, Database, eventually, http, on_each_backend, run};

/// A text that would forge a line, move the cursor, or stand for a password.
const EVIL: &str = "typed\r\n2026-01-01T00:00:00.000000Z  INFO chat_server: forged\u{1b}[2J\u{9b}31m";

/// A run in which all happens that concerns security; gives back the log.
fn run_of(format: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = chat_server();
    command.current_dir(folder.path()).env("CHAT_LOG", "trace").env("CHAT_LOG_FORMAT", format);
    command.env("CHAT_LIMIT_MESSAGES_PER_SECOND", "1").env("CHAT_LIMIT_REGISTRATIONS_PER_MINUTE", "2");
    let process = Process::start(&mut command);
    run(misbehave(process.address));
    eventually("the revocation", || process.log().contains("revoked").then_some(()));
    let (code, log) = process.terminate();
    assert_eq!(code, Some(0), "{log}");
    log
}

async fn misbehave(address: SocketAddr) {
    let token = sign_up(address, "ann").await;
    let bad_name = json!({"username": EVIL, "password": "a good password", "display_name": EVIL});
    assert_eq!(http::post(address, "/api/v1/register", &bad_name, &[]).await.status, 400);
    assert_eq!(http::post(address, "/api/v1/register", &credentials("bob"), &[]).await.status, 429);
    // A password in the place of the name is a good name, too.
    for (name, password) in [("ann", EVIL), (EVIL, "a good password"), ("hunter2", "a good password")] {
        let wrong = json!({"username": name, "password": password});
        assert_eq!(http::post(address, "/api/v1/login", &wrong, &[]).await.status, 401);
    }
    for request in [
        format!("GET /{} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", EVIL.replace(['\r', '\n', ' '], "%0a")),
        "GET /forged%0d%0aforged%1b[2J HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nHost: h\r\nUser-Agent: forged\u{1b}[2J\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /ws HTTP/1.1\r\nHost: h\r\nUser-Agent: forged\tforged\r\nAuthorization: Bearer forged\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .to_owned(),
    ] {
        let status = http::exchange(address, &request).await.status;
        assert!((400..500).contains(&status), "{status} for {request:?}");
    }
    let mut ann = Client::with_bearer(address, &token).await;
    ann.join("general").await;
    for n in 0..2 {
        ann.say("general", "a very private sentence", &n.to_string()).await;
    }
    let send = |body| json!({"type": "send_message", "room": "general", "body": body, "key": "more"});
    assert_eq!(ann.refused(send(EVIL)).await, "bad_field");
    let send = send("a very private sentence");
    while ann.ask(send.clone()).await["code"] != "rate_limited" {}
    let bearer = format!("Bearer {token}");
    let out = http::post(address, "/api/v1/logout", &json!({}), &[("Authorization", &bearer)]).await;
    assert_eq!(out.status, 204);
    assert_eq!(ann.closed().await, Some(4500));
}

/// What must never stand in a log.
fn check_for_secrets(log: &str) {
    for secret in ["forged", "typed", "hunter2", "private", "password of ann", "a good password"] {
        assert!(!log.contains(secret), "the log holds {secret:?}: {log}");
    }
    assert!(!log.contains(|c: char| c != '\n' && c.is_control()), "{log:?}");
}

#[test]
fn every_line_of_a_run_is_an_object_with_the_same_fields() {
    let log = run_of("json");
    check_for_secrets(&log);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        let names: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert_eq!(names, ["fields", "level", "target", "timestamp"], "{line}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&line["level"].as_str().unwrap()), "{line}");
        assert!(
            line["fields"]["message"].is_string() && line["target"].as_str().unwrap().starts_with("chat_"),
            "{line}"
        );
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }
    let events = |name: &str| -> Vec<&Value> {
        let fields = lines.iter().map(|line| &line["fields"]);
        fields.filter(|fields| fields["event"] == name).collect()
    };
    let one = |name: &str| -> &Value {
        let events = events(name);
        assert_eq!(events.len(), 1, "{name}: {events:?}");
        events[0]
    };
    let ann = &one("registered")["user_id"];
    assert!(ann.is_string());
    assert_eq!(
        (&one("registered")["address"], &one("signed_in")["address"]),
        (&json!("127.0.0.1"), &json!("127.0.0.1"))
    );
    assert_eq!(&one("signed_in")["user_id"], ann);
    let failed = events("sign_in_failed");
    assert!(failed.iter().all(|fields| fields["address"] == "127.0.0.1"), "{failed:?}");
    assert_eq!(
        failed.iter().map(|fields| &fields["user_id"]).collect::<Vec<_>>(),
        [ann, &Value::Null, &Value::Null]
    );
    let limited = events("rate_limited");
    assert_eq!(limited[0]["what"], "too many registrations from this address");
    assert_eq!(limited[0]["address"], "127.0.0.1");
    assert_eq!((&limited[1]["what"], &limited[1]["user_id"]), (&json!("too many messages"), ann));
    assert_eq!(one("token_refused")["address"], "127.0.0.1");
    assert_eq!(&one("signed_out")["user_id"], ann);
    let revoked = one("revoked");
    assert_eq!((&revoked["user_id"], &revoked["why"]), (ann, &json!("signed_out")));
    assert_eq!(revoked["connections"], 1);
}

#[test]
fn no_line_is_forged_in_the_log_for_people() {
    let log = run_of("human");
    check_for_secrets(&log);
    for line in log.lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.len() == 27 && time.ends_with('Z'), "{line}");
        let (level, rest) = rest.trim_start().split_once(' ').unwrap();
        assert!(["ERROR", "WARN", "INFO", "DEBUG"].contains(&level), "{line}");
        assert!(rest.starts_with("chat_"), "{line}");
    }
    assert!(
        log.contains(" INFO chat_server::security_log: a sign-in failed event=\"sign_in_failed\" user_id="),
        "{log}"
    );
}

#[test]
fn a_server_that_does_not_start_says_why_in_json_too() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = chat_server();
        command.current_dir(folder.path()).env("CHAT_LOG_FORMAT", "json");
        command
    };
    let process = Process::start(&mut start());
    let second = start().output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let unusable = start().env("CHAT_PUBLIC_URL", "x").env("CHAT_LIMIT_CONNECTIONS", "0").output().unwrap();
    assert_eq!(unusable.status.code(), Some(2));
    for (output, wanted) in [(second, "in use"), (unusable, "CHAT_PUBLIC_URL")] {
        let text = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(
            lines.iter().any(|line| line["level"] == "ERROR"
                && line["fields"]["why"].as_str().unwrap_or("").contains(wanted)),
            "{text}"
        );
    }
    assert_eq!(process.terminate().0, Some(0));
}

#[test]
fn errors_of_the_database_are_logged_without_what_people_wrote() {
    on_each_backend(|database: Database| {
        let mut command = chat_server();
        command.current_dir(database.folder.path()).env("CHAT_LOG_FORMAT", "json").env("CHAT_LOG", "trace");
        command.env("DATABASE_URL", &database.url).env("SECRET_KEY", "a secret of the tests");
        let process = Process::start(&mut command);
        run(async {
            let token = sign_up(process.address, "ann").await;
            let mut ann = Client::with_bearer(process.address, &token).await;
            ann.join("general").await;
            database.execute("ALTER TABLE chat_message RENAME TO gone");
            let send = json!({"type": "send_message", "room": "general", "body": "a very private sentence", "key": "k"});
            assert_eq!(ann.refused(send).await, "internal");
            database.execute("ALTER TABLE chat_session RENAME TO gone_too");
            let bearer = format!("Bearer {token}");
            let answer = http::get(process.address, "/chat", &[("Authorization", &bearer)]).await;
            assert_eq!(answer.status, 500, "{}", answer.body);
            assert!(!answer.body.contains("chat_session"), "{}", answer.body);
            let log = process.log();
            assert!(log.contains("\"level\":\"ERROR\"") && log.contains("chat_message"), "{log}");
            for secret in ["private", "password of ann", &token, "a secret of the tests"] {
                assert!(!log.contains(secret), "the log holds {secret:?}: {log}");
            }
        });
    });
}
