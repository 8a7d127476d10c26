//! WebSocket frames (RFC 6455 section 5.2): a client's are made, a server's are taken apart and checked.

use chat_protocol::{CloseCode, ServerEvent, ServerFrame};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Bytes of a control frame's payload, at most.
const CONTROL_BYTES_MAX: usize = 125;

/// A client's empty pong.
pub const EMPTY_PONG: [u8; 6] = [0x80 | PONG, 0x80, 0, 0, 0, 0];

/// A client's text frame.
pub fn text(payload: &str) -> Vec<u8> {
    // A mask of zeros leaves the payload as it is.
    let mask = [0; 4];
    let mut frame = vec![0x80 | TEXT];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&u64::try_from(long).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend_from_slice(payload.as_bytes());
    frame
}

/// What the server sent.
#[derive(Debug)]
pub enum Sent {
    /// An event.
    Event(Box<ServerFrame>),
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
    /// The end.
    Close,
}

/// Takes the next whole frame off what the server wrote. Panics at what no server may send.
pub fn next(held: &mut Vec<u8>) -> Option<Sent> {
    let &[first, second, ..] = held.as_slice() else { return None };
    assert_eq!(first & 0xf0, 0x80, "whole frames, no extension");
    assert_eq!(second & 0x80, 0, "a server doesn't mask");
    let (header, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes(held.get(2..4)?.try_into().unwrap()))),
        127 => (10, usize::try_from(u64::from_be_bytes(held.get(2..10)?.try_into().unwrap())).unwrap()),
        short => (2, usize::from(short)),
    };
    let shortest = match length {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    assert_eq!(header, shortest, "the shortest header");
    if held.len() < header + length {
        return None;
    }
    let payload: Vec<u8> = held.drain(..header + length).skip(header).collect();
    assert!(first & 0xf < CLOSE || payload.len() <= CONTROL_BYTES_MAX);
    Some(match first & 0xf {
        TEXT => Sent::Event(Box::new(event(&String::from_utf8(payload).expect("UTF-8")))),
        PING => Sent::Ping,
        PONG => Sent::Pong,
        CLOSE => {
            check_close(&payload);
            Sent::Close
        }
        opcode => panic!("opcode {opcode}"),
    })
}

/// An event that the server sends is one that its clients know.
fn event(text: &str) -> ServerFrame {
    let frame: ServerFrame = serde_json::from_str(text).expect("an event");
    assert_ne!(frame.event, ServerEvent::Unknown, "{text}");
    frame
}

/// The server's own codes with their reasons, or the client's code sent back.
fn check_close(payload: &[u8]) {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return assert!(payload.is_empty());
    };
    let code = u16::from_be_bytes(*code);
    let own = CloseCode::ALL.iter().find(|own| own.code() == code && own.reason().as_bytes() == reason);
    assert!(own != Some(&CloseCode::Internal), "a defect of the server");
    assert!(own.is_some() || is_of_a_client(code), "close {code} {:?}", String::from_utf8_lossy(reason));
}

/// Whether a client may close with this code (RFC 6455 section 7.4).
fn is_of_a_client(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
