//! WebSocket frames (RFC 6455 section 5.2) and the few fields of their JSON that a load needs, without a parser.

use std::ops::Range;

pub(crate) const TEXT: u8 = 1;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// The mask of every client frame. It protects proxies, which are not measured; it costs the server what any other does.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A whole frame at the start of some bytes.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Range<usize>,
}

/// The frame that some bytes begin with; `None` until all of it is there. A mask is left on.
pub(crate) fn first(bytes: &[u8]) -> Option<Frame> {
    let (head, length) = (*bytes.first()?, *bytes.get(1)?);
    let (header_bytes, payload_bytes) = match length & !MASKED {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    let start = header_bytes + if length & MASKED == 0 { 0 } else { MASK.len() };
    let payload = start..start + payload_bytes;
    (payload.end <= bytes.len()).then_some(Frame { opcode: head & 0x0f, payload })
}

/// Appends a client's frame, masked.
pub(crate) fn append_masked(opcode: u8, payload: &[u8], buffer: &mut Vec<u8>) {
    append_header(opcode, MASKED, payload.len(), buffer);
    buffer.extend_from_slice(&MASK);
    let start = buffer.len();
    buffer.extend_from_slice(payload);
    toggle_mask(&mut buffer[start..]);
}

/// Appends a server's frame.
pub(crate) fn append(opcode: u8, payload: &[u8], buffer: &mut Vec<u8>) {
    append_header(opcode, 0, payload.len(), buffer);
    buffer.extend_from_slice(payload);
}

/// Takes the mask off a client's payload, or puts it on.
pub(crate) fn toggle_mask(payload: &mut [u8]) {
    for (byte, mask) in payload.iter_mut().zip(MASK.iter().cycle()) {
        *byte ^= mask;
    }
}

fn append_header(opcode: u8, masked: u8, payload_bytes: usize, buffer: &mut Vec<u8>) {
    buffer.push(FINAL | opcode);
    match (u8::try_from(payload_bytes), u16::try_from(payload_bytes)) {
        (Ok(short @ 0..=125), _) => buffer.push(masked | short),
        (_, Ok(medium)) => {
            buffer.push(masked | 126);
            buffer.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            buffer.push(masked | 127);
            buffer.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
}

/// The name of a payload's event: `{"type":"…"` is how every event begins.
pub(crate) fn event_name(payload: &[u8]) -> &[u8] {
    let rest = payload.strip_prefix(br#"{"type":""#).unwrap_or_default();
    &rest[..rest.iter().position(|&byte| byte == b'"').unwrap_or(0)]
}

/// The number behind the first occurrence of a field's name, for instance behind `"seq":`.
pub(crate) fn number_behind(payload: &[u8], name: &[u8]) -> Option<u64> {
    let at = payload.windows(name.len()).position(|window| window == name)?;
    let digits = payload[at + name.len()..].iter().map_while(|byte| char::from(*byte).to_digit(10));
    digits.map(u64::from).fold(None, |number, digit| Some(number.unwrap_or(0) * 10 + digit))
}

/// What follows the last occurrence of a field's name, for instance of `"key":"`.
pub(crate) fn behind_last<'p>(payload: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    let at = payload.windows(name.len()).rposition(|window| window == name)?;
    payload.get(at + name.len()..)
}
