//! Frames byte by byte: what a client sends, good or bad, and what the server answered until it ended the connection.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::frames::{BINARY, CLOSE, CONTINUES, TEXT, frame, take_frame};
use crate::support::{DEADLINE, TestServer};

pub(super) const BINARY_BEGINS: u8 = 0x02;
pub(super) const PONG: u8 = 0x8A;

/// Bytes up to which a case is also sent one byte after the other.
const CHOPPED_BYTES_MAX: usize = 1_024;

/// What a server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    /// A close with its code, if it has one.
    Close(Option<u16>),
}

pub(super) fn text(text: &str) -> Got {
    Got::Text(text.to_owned())
}

pub(super) fn pong(payload: &[u8]) -> Got {
    Got::Pong(payload.to_owned())
}

pub(super) fn closed(code: u16) -> Got {
    Got::Close(Some(code))
}

/// A close with a code and a reason.
pub(super) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// A message in fragments.
pub(super) fn fragments<'p>(kind: u8, parts: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    let mut parts = parts.into_iter().peekable();
    let mut first = kind;
    let mut frames = Vec::new();
    while let Some(part) = parts.next() {
        let last = if parts.peek().is_none() { 0x80 } else { 0 };
        frames.extend(frame(first | last, part));
        first = CONTINUES;
    }
    frames
}

/// Wants the same answers whether the frames come at once, right behind the handshake, or one byte after the other.
pub(super) async fn check(server: &TestServer, what: &str, sent: &[u8], wanted: &[Got]) {
    for way in [Way::AtOnce, Way::BehindTheHandshake, Way::ByteByByte] {
        if way == Way::ByteByByte && sent.len() > CHOPPED_BYTES_MAX {
            continue;
        }
        let what = format!("{what}, {way:?}");
        assert_eq!(answers_to(server, &what, sent, way).await, wanted, "{what}");
    }
}

/// What a server sends until it ends the connection.
pub(super) async fn answers_to(server: &TestServer, what: &str, sent: &[u8], way: Way) -> Vec<Got> {
    let got = tokio::time::timeout(DEADLINE, exchange(server.address, sent, way)).await;
    got.unwrap_or_else(|_| panic!("{what}: the connection was not ended"))
}

/// How a client's frames come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    AtOnce,
    BehindTheHandshake,
    ByteByByte,
}

async fn exchange(address: SocketAddr, sent: &[u8], way: Way) -> Vec<Got> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let handshake = format!(
        "GET /echo HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut opening = handshake.into_bytes();
    if way == Way::BehindTheHandshake {
        opening.extend(sent);
    }
    stream.write_all(&opening).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(reader.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    // The server may answer and end before all of it was sent.
    let write = async {
        let chunk_bytes = if way == Way::ByteByByte { 1 } else { sent.len().max(1) };
        for chunk in sent.chunks(chunk_bytes).take_while(|_| way != Way::BehindTheHandshake) {
            if writer.write_all(chunk).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut answer = Vec::new();
    let (_, read) = tokio::join!(write, reader.read_to_end(&mut answer));
    read.expect("the connection ends in order, not by a reset");
    parsed(answer)
}

/// The frames of a server, each of them whole.
fn parsed(mut bytes: Vec<u8>) -> Vec<Got> {
    let mut frames = Vec::new();
    while let Some((first, payload)) = take_frame(&mut bytes) {
        frames.push(match first {
            TEXT => Got::Text(String::from_utf8(payload).unwrap()),
            BINARY => Got::Binary(payload),
            PONG => Got::Pong(payload),
            CLOSE => Got::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            other => panic!("a frame that begins with {other:#x}"),
        });
    }
    assert_eq!(bytes, b"", "half a frame");
    frames
}
