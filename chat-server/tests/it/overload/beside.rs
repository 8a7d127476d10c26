//! What goes on beside the senders: questions, sign-ins, and clients that never read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chat_domain::RoomName;
use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::process::sign_up;
use crate::support::frames::{TEXT, frame, take_frame};
use crate::support::server::credentials;
use crate::support::{Client, http};

/// Connections that ask for joins and history.
pub(super) const ASKERS: usize = 8;
/// Questions that each of them asks in a second, whatever comes back.
const QUESTIONS_PER_SECOND: u32 = 20;
/// Sign-ins that are under way at once: more than threads and the queue in front of them (32) take.
pub(super) const SIGN_INS: usize = 64;
/// Clients that never read.
pub(super) const SILENT: usize = 10;
/// For how long some of them ask first.
const ASKING: Duration = Duration::from_millis(500);

/// What came back to those who ask.
#[derive(Debug, Default)]
pub(super) struct Asked {
    answered: usize,
    pub(super) refused: BTreeMap<String, usize>,
}

/// Joins and history, one after the other without waiting, until a moment.
pub(super) async fn ask(address: SocketAddr, token: &str, rooms: &[RoomName], until: Instant) -> Asked {
    let asked = RefCell::new(Asked::default());
    let askers = (0..ASKERS).map(|n| {
        let asked = &asked;
        async move {
            let mut client = Client::with_bearer(address, token).await;
            let (mut reader, mut writer) = client.socket.get_mut().split();
            let room = &rooms[n % rooms.len()];
            let write = async {
                loop {
                    let join = json!({"type": "join_room", "id": "j", "room": room.as_str()});
                    let history =
                        json!({"type": "get_history", "id": "h", "room": room.as_str(), "before": 1_000_000});
                    for question in [join, history] {
                        writer.write_all(&frame(TEXT, question.to_string().as_bytes())).await.unwrap();
                        tokio::time::sleep(Duration::from_secs(1) / QUESTIONS_PER_SECOND).await;
                    }
                }
            };
            let read = async {
                let mut held = Vec::new();
                while reader.read_buf(&mut held).await.unwrap() > 0 {
                    while let Some(text) = take_text(&mut held) {
                        asked.borrow_mut().note(&text);
                    }
                }
            };
            let both = async { tokio::join!(write, read) };
            let _: Result<((), ()), _> = tokio::time::timeout_at(until.into(), both).await;
        }
    });
    join_all(askers).await;
    asked.into_inner()
}

impl Asked {
    fn note(&mut self, text: &str) {
        if text.starts_with(r#"{"type":"error""#) {
            let error: serde_json::Value = serde_json::from_str(text).unwrap();
            assert!(error["retry_after_ms"].is_u64(), "{error}");
            *self.refused.entry(error["code"].as_str().unwrap().to_owned()).or_default() += 1;
        } else if text.contains(r#""re":""#) {
            self.answered += 1;
        }
    }
}

/// Sign-ins with the right password, again and again until a moment: how often each status came.
pub(super) async fn sign_in(address: SocketAddr, until: Instant) -> BTreeMap<u16, usize> {
    let statuses = RefCell::new(BTreeMap::new());
    let sign_ins = (0..SIGN_INS).map(async |_| {
        loop {
            let answer = http::post(address, "/api/v1/login", &credentials("signer"), &[]).await;
            if answer.status == 503 {
                assert!(answer.header("retry-after").is_some(), "{}", answer.head);
                assert!(answer.json()["retry_after_ms"].is_u64(), "{}", answer.body);
            }
            *statuses.borrow_mut().entry(answer.status).or_default() += 1;
        }
    });
    let _: Result<Vec<()>, _> = tokio::time::timeout_at(until.into(), join_all(sign_ins)).await;
    statuses.into_inner()
}

/// Somebody who can sign in with a password.
pub(super) async fn register_signer(address: SocketAddr) {
    sign_up(address, "signer").await;
}

/// Clients that hear some rooms and will not read; every second one has asked for pages of a full one until the server
/// read no more.
pub(super) async fn connect_silent(
    address: SocketAddr,
    token: &str,
    full: &RoomName,
    rooms: &[RoomName],
) -> Vec<Client> {
    let silent = (0..SILENT).map(async |n| {
        let mut client = Client::with_bearer(address, token).await;
        for room in rooms {
            client.join(room.as_str()).await;
        }
        if n % 2 == 1 {
            let question = json!({"type": "get_history", "room": full.as_str(), "before": 1_000_000});
            let asks = async { while client.try_send(question.clone()).await.is_ok() {} };
            let _: Result<(), _> = tokio::time::timeout(ASKING, asks).await;
        }
        client
    });
    join_all(silent).await
}

/// The connections of the clients that never read are over.
pub(super) async fn have_ended(silent: Vec<Client>) {
    join_all(silent.into_iter().map(async |mut client| client.closed().await)).await;
}

/// Takes the next text frame of the server off what came; others are passed over.
pub(super) fn take_text(came: &mut Vec<u8>) -> Option<String> {
    loop {
        let (first, payload) = take_frame(came)?;
        if first == TEXT {
            return Some(String::from_utf8(payload).unwrap());
        }
    }
}
