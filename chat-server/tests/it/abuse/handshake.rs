//! Bad upgrades, and odd ones that are let in all the same.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Target, answer_to, status};
use crate::support::DEADLINE;

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

pub(super) async fn all(target: &Target) -> usize {
    let refused = refused(target);
    for (request, wanted, needle) in &refused {
        let answer = answer_to(target.address, request.as_bytes()).await;
        assert_eq!(status(&answer), *wanted, "{request:?} got {answer:?}");
        assert!(answer.to_ascii_lowercase().contains(needle), "{request:?} got {answer:?} without {needle}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{request:?} got {answer:?}");
    }
    let taken = taken(target);
    for (request, absent) in &taken {
        let head = upgraded(target, request).await;
        assert_eq!(status(&head), 101, "{request:?} got {head:?}");
        assert!(!head.to_ascii_lowercase().contains(absent), "{request:?} got {head:?}");
    }
    refused.len() + taken.len()
}

/// Upgrades that are refused: the status, and what the answer must hold.
fn refused(Target { address, token }: &Target) -> Vec<(String, u16, &'static str)> {
    let get =
        |fields: &str| format!("GET /ws HTTP/1.1\r\nHost: {address}\r\n{fields}Connection: close\r\n\r\n");
    let ws = |fields: &str| get(&format!("{UPGRADE}{KEY}{VERSION}{fields}"));
    let page = format!("Origin: http://{address}\r\n");
    let cookie = format!("Cookie: chat_session={token}\r\n");
    vec![
        (get(""), 426, "sec-websocket-version: 13"),
        (get(""), 426, "\r\nupgrade: websocket\r\n"),
        (
            get(&format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{KEY}{VERSION}")),
            426,
            "sec-websocket-version: 13",
        ),
        (get(&format!("{UPGRADE}{KEY}Sec-WebSocket-Version: 8\r\n")), 426, "sec-websocket-version: 13"),
        (get(&format!("{UPGRADE}{KEY}")), 426, "sec-websocket-version: 13"),
        (get(&format!("{UPGRADE}{VERSION}")), 400, "bad_field"),
        (get(&format!("{UPGRADE}{KEY}{KEY}{VERSION}")), 400, "bad_field"),
        (get(&format!("{UPGRADE}Sec-WebSocket-Key: short\r\n{VERSION}")), 400, "bad_field"),
        (get(&format!("{UPGRADE}Sec-WebSocket-Key: \r\n{VERSION}")), 400, "bad_field"),
        (
            get(&format!("{UPGRADE}Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n{VERSION}")),
            400,
            "bad_field",
        ),
        (ws("Host: other.example\r\n"), 400, "bad_field"),
        (ws("Transfer-Encoding: chunked\r\n"), 400, "bad_field"),
        (format!("{}hello", ws("Content-Length: 5\r\n")), 400, "bad_field"),
        (ws(VERSION), 426, "sec-websocket-version: 13"),
        (format!("GET /ws HTTP/1.1\r\n{UPGRADE}{KEY}{VERSION}Connection: close\r\n\r\n"), 400, "bad_field"),
        (format!("GET /ws HTTP/1.0\r\nHost: {address}\r\n{UPGRADE}{KEY}{VERSION}\r\n"), 400, "bad_field"),
        (
            format!(
                "POST /ws HTTP/1.1\r\nHost: {address}\r\n{UPGRADE}{KEY}{VERSION}Connection: close\r\n\r\n"
            ),
            405,
            "allow: get",
        ),
        (ws("Origin: https://evil.example\r\n"), 403, "forbidden"),
        (ws("Origin: null\r\n"), 403, "forbidden"),
        (ws("Origin: \r\n"), 403, "forbidden"),
        (ws(&format!("{page}{page}")), 403, "forbidden"),
        (ws(&format!("Origin: http://{address}.evil.example\r\n")), 403, "forbidden"),
        (ws(&format!("Origin: https://{address}\r\n")), 403, "forbidden"),
        (ws(&format!("Origin: https://evil.example\r\nAuthorization: Bearer {token}\r\n")), 403, "forbidden"),
        (
            format!(
                "GET /ws HTTP/1.1\r\nHost: evil.example\r\n{page}{UPGRADE}{KEY}{VERSION}Connection: close\r\n\r\n"
            ),
            403,
            "forbidden",
        ),
        (ws(&cookie), 403, "forbidden"),
        (ws(&format!("{cookie}Origin: null\r\n")), 403, "forbidden"),
        (ws("Authorization: Bearer nobody\r\n"), 401, "unauthenticated"),
        (ws(&format!("Authorization: Bearer {}\r\n", "x".repeat(43))), 401, "unauthenticated"),
        (ws("Authorization: Basic YW5uOmFubg==\r\n"), 401, "unauthenticated"),
        (ws("Authorization: \r\n"), 401, "unauthenticated"),
        // A bad token next to a good cookie: what is named is what counts.
        (ws(&format!("{page}{cookie}Authorization: Bearer nobody\r\n")), 401, "unauthenticated"),
    ]
}

/// Upgrades that are let in, and what must not stand in the answer.
fn taken(Target { address, token }: &Target) -> Vec<(String, &'static str)> {
    let ws = |path: &str, fields: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{UPGRADE}{KEY}{VERSION}{fields}\r\n")
    };
    let protocols: Vec<String> = (0..200).map(|n| format!("p{n}")).collect();
    vec![
        (ws("/ws", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"), "extensions"),
        (
            ws("/ws", &format!("Sec-WebSocket-Protocol: {}\r\n", protocols.join(", "))),
            "sec-websocket-protocol",
        ),
        (ws("/ws", "Sec-WebSocket-Protocol: CHAT.V1\r\n"), "sec-websocket-protocol"),
        // A token in the URL is not looked at: nobody is signed in by it.
        (ws(&format!("/ws?token={token}"), ""), "set-cookie"),
    ]
}

/// The head of the answer to an upgrade.
async fn upgraded(target: &Target, request: &str) -> String {
    let mut stream = TcpStream::connect(target.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let work = async {
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(DEADLINE, work).await.unwrap();
    String::from_utf8(answer).unwrap()
}
