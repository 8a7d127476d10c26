//! WebSocket frames (RFC 6455 section 5.2) as a client reads and writes them: no more than a load needs.

pub(super) const TEXT: u8 = 1;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
/// The mask of every frame. It protects proxies, which are not measured; it costs the server what any other does.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The first frame of some bytes, and what follows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'b> {
    pub(super) opcode: u8,
    pub(super) payload: &'b [u8],
    pub(super) rest: &'b [u8],
}

/// The server's frame that some bytes begin with; `None` until all of it is there.
pub(super) fn split_first(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&[head, length], rest) = bytes.split_first_chunk()?;
    let (payload_bytes, rest) = match length {
        126 => {
            let (&length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(length)), rest)
        }
        127 => {
            let (&length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(length)).ok()?, rest)
        }
        short => (usize::from(short), rest),
    };
    let (payload, rest) = rest.split_at_checked(payload_bytes)?;
    Some(Frame { opcode: head & OPCODE, payload, rest })
}

/// Appends a client's frame.
pub(super) fn append(opcode: u8, payload: &[u8], bytes: &mut Vec<u8>) {
    bytes.push(FINAL | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..=125), _) => bytes.push(MASKED | short),
        (_, Ok(medium)) => {
            bytes.push(MASKED | 126);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            bytes.push(MASKED | 127);
            bytes.extend_from_slice(&u64::try_from(payload.len()).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    toggle_mask(bytes.get_mut(start..).unwrap_or_default());
}

/// Puts the mask on, or takes it off.
fn toggle_mask(payload: &mut [u8]) {
    let mask = u32::from_ne_bytes(MASK);
    let (words, rest) = payload.as_chunks_mut();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ mask).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(MASK) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server's frame.
    fn unmasked(payload: &[u8]) -> Vec<u8> {
        let mut header = vec![FINAL | TEXT];
        match payload.len() {
            short @ 0..=125 => header.push(u8::try_from(short).unwrap()),
            medium @ 126..=65_535 => {
                header.push(126);
                header.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
            }
            long => {
                header.push(127);
                header.extend_from_slice(&u64::try_from(long).unwrap().to_be_bytes());
            }
        }
        [header, payload.to_vec()].concat()
    }

    #[test]
    fn frames_of_every_length_are_told_apart_and_a_part_of_one_is_none() {
        for bytes in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let payload = vec![b'x'; bytes];
            let both = [unmasked(&payload), unmasked(b"next")].concat();
            let first = split_first(&both).unwrap();
            assert_eq!((first.opcode, first.payload.len()), (TEXT, bytes));
            assert_eq!(split_first(first.rest).unwrap().payload, b"next");
            let whole = unmasked(&payload);
            for cut in [0, 1, 2, whole.len() - 1].into_iter().filter(|cut| *cut < whole.len()) {
                assert_eq!(split_first(&whole[..cut]), None, "{bytes} bytes cut at {cut}");
            }
        }
    }

    #[test]
    fn a_clients_frame_is_read_back_by_the_other_side() {
        use tungstenite::protocol::frame::FrameHeader;
        for bytes in [0, 1, 3, 4, 125, 126, 257, 65_536] {
            let payload: Vec<u8> = (0..=255).cycle().take(bytes).collect();
            let mut frame = Vec::new();
            append(TEXT, &payload, &mut frame);
            let mut cursor = std::io::Cursor::new(&frame);
            let (header, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
            let start = usize::try_from(cursor.position()).unwrap();
            assert!(header.is_final);
            assert_eq!((header.mask, length), (Some(MASK), u64::try_from(bytes).unwrap()));
            toggle_mask(&mut frame[start..]);
            assert_eq!(frame[start..], payload);
        }
    }
}
