//! Frames byte by byte: a client's, good or bad, and a server's.

/// A frame's first byte: whether it is the last of its message, and what kind it is.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const TEXT_BEGINS: u8 = 0x01;
pub(crate) const CONTINUES: u8 = 0x00;
pub(crate) const CONTINUES_LAST: u8 = 0x80;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;

const MASK: [u8; 4] = [0xA5, 0x5A, 0xFF, 0x01];

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let masked = payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    header(first, u64::try_from(payload.len()).unwrap()).into_iter().chain(masked).collect()
}

/// A frame that a client must not send.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(payload.len()).unwrap()], payload].concat()
}

/// The header of a masked frame that announces so many bytes.
pub(crate) fn header(first: u8, bytes: u64) -> Vec<u8> {
    match u8::try_from(bytes) {
        Ok(short @ 0..=125) => [&[first, 0x80 | short][..], &MASK].concat(),
        _ if bytes <= 0xFFFF => header_in(first, 2, bytes),
        _ => header_in(first, 8, bytes),
    }
}

/// The same, with the length in two or in eight bytes, as short as it can be or not.
pub(crate) fn header_in(first: u8, length_bytes: usize, bytes: u64) -> Vec<u8> {
    let form = if length_bytes == 2 { 126 } else { 127 };
    [&[first, 0x80 | form], &bytes.to_be_bytes()[8 - length_bytes..], &MASK].concat()
}

/// Takes the next whole frame of a server off what came: its first byte, and its payload, which is never masked.
pub(crate) fn take_frame(came: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let &[first, second, ..] = came.as_slice() else { return None };
    let (header, length) = match second {
        126 => (4, u64::from(u16::from_be_bytes(came.get(2..4)?.try_into().unwrap()))),
        127 => (10, u64::from_be_bytes(came.get(2..10)?.try_into().unwrap())),
        short => (2, u64::from(short)),
    };
    let end = header + usize::try_from(length).unwrap();
    (came.len() >= end).then(|| (first, came.drain(..end).skip(header).collect()))
}
