//! WebSocket frames and the few fields that the limits look at: no more than they need.

use std::io::{self, Cursor};
use std::ops::Range;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// The mask of a client's frames: it protects proxies, and here is none.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// What stands in front of a room's number.
const ROOM: &[u8] = br#""room":"bench-"#;

/// What answers a request for an upgrade (RFC 6455 section 4.2.2).
pub(crate) fn upgraded(request: &[u8]) -> Vec<u8> {
    let line = behind(request, b"Sec-WebSocket-Key: ").unwrap_or_default();
    let key = line.split(|&byte| byte == b'\r').next().unwrap_or_default();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key)
    )
    .into_bytes()
}

/// The text that begins behind something; a load's texts need no escapes.
pub(crate) fn text(payload: &[u8], wanted: &[u8]) -> String {
    let text = behind(payload, wanted).unwrap_or_default().split(|&byte| byte == b'"').next();
    String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
}

/// The header of the frame that some bytes begin with, and where its payload stands; `None` until all of it is there.
pub(crate) fn first_frame(bytes: &[u8]) -> io::Result<Option<(FrameHeader, Range<usize>)>> {
    let mut cursor = Cursor::new(bytes);
    let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let start = usize::try_from(cursor.position()).map_err(io::Error::other)?;
    let end = start + usize::try_from(length).map_err(io::Error::other)?;
    Ok((end <= bytes.len()).then_some((header, start..end)))
}

/// Appends a text frame of a server.
pub(crate) fn append_frame(payload: &[u8], bytes: &mut Vec<u8>) -> io::Result<()> {
    append_header(None, payload.len(), bytes)?;
    bytes.extend_from_slice(payload);
    Ok(())
}

/// Appends a text frame of a client.
pub(crate) fn append_masked_frame(payload: &[u8], bytes: &mut Vec<u8>) -> io::Result<()> {
    append_header(Some(MASK), payload.len(), bytes)?;
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    Ok(())
}

fn append_header(mask: Option<[u8; 4]>, payload_bytes: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    let header = FrameHeader { opcode: OpCode::Data(Data::Text), mask, ..FrameHeader::default() };
    let length = u64::try_from(payload_bytes).map_err(io::Error::other)?;
    header.format(length, bytes).map_err(io::Error::other)
}

/// The number of the room that a request names.
pub(crate) fn room_of(payload: &[u8]) -> Option<usize> {
    number_behind(payload, ROOM).and_then(|room| usize::try_from(room).ok())
}

/// The number behind something; `None` where it does not stand.
pub(crate) fn number_behind(payload: &[u8], wanted: &[u8]) -> Option<u64> {
    let digits: Vec<u8> = behind(payload, wanted)?.iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// What follows the first occurrence of something.
pub(crate) fn behind<'p>(payload: &'p [u8], wanted: &[u8]) -> Option<&'p [u8]> {
    let at = payload.windows(wanted.len()).position(|window| window == wanted)?;
    payload.get(at + wanted.len()..)
}
