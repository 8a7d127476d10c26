//! Frames byte by byte: what a client sends, good or bad, and what the server answered until it ended the connection.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{DEADLINE, TestServer};

pub(super) const TEXT: u8 = 0x81;
pub(super) const TEXT_BEGINS: u8 = 0x01;
pub(super) const BINARY: u8 = 0x82;
pub(super) const BINARY_BEGINS: u8 = 0x02;
pub(super) const CONTINUES: u8 = 0x00;
pub(super) const CONTINUES_LAST: u8 = 0x80;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8A;

const MASK: [u8; 4] = [0xA5, 0x5A, 0xFF, 0x01];
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

/// A masked frame.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let masked = payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    header(first, payload.len() as u64).into_iter().chain(masked).collect()
}

/// A close with a code and a reason.
pub(super) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// The header of a masked frame that announces so many bytes.
pub(super) fn header(first: u8, bytes: u64) -> Vec<u8> {
    match bytes {
        0..=125 => [&[first, 0x80 | bytes as u8][..], &MASK].concat(),
        126..=0xFFFF => header_in(first, 2, bytes),
        _ => header_in(first, 8, bytes),
    }
}

/// The same, with the length in so many bytes, short or not.
pub(super) fn header_in(first: u8, length_bytes: usize, bytes: u64) -> Vec<u8> {
    let form = if length_bytes == 2 { 126 } else { 127 };
    [&[first, 0x80 | form], &bytes.to_be_bytes()[8 - length_bytes..], &MASK].concat()
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
        let work = exchange(server.address, sent, way);
        let got = tokio::time::timeout(DEADLINE, work).await;
        let got = got.unwrap_or_else(|_| panic!("{what}, {way:?}: the connection was not ended"));
        assert_eq!(got, wanted, "{what}, {way:?}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
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
    parsed(&answer)
}

/// The frames of a server; each of them is whole, and none is masked.
fn parsed(mut bytes: &[u8]) -> Vec<Got> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (payload_bytes, rest) = match second {
            126 => (u16::from_be_bytes(rest[..2].try_into().unwrap()) as usize, &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize, &rest[8..]),
            short => (usize::from(*short), rest),
        };
        let (payload, rest) = rest.split_at(payload_bytes);
        frames.push(match *first {
            TEXT => Got::Text(String::from_utf8(payload.to_vec()).unwrap()),
            BINARY => Got::Binary(payload.to_vec()),
            PONG => Got::Pong(payload.to_vec()),
            CLOSE => Got::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            other => panic!("a frame that begins with {other:#x}"),
        });
        bytes = rest;
    }
    assert_eq!(bytes, b"", "half a frame");
    frames
}
