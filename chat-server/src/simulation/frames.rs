//! A client's side of RFC 6455, as far as a simulation needs it: no fragments, a mask of zeros.

/// What came.
#[derive(Debug)]
pub(super) enum Frame {
    Text(String),
    Ping(Vec<u8>),
    Close(Option<u16>),
    Other,
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
const PONG: u8 = 10;

/// A client's frame.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).unwrap()),
        long => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    // The mask.
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

pub(super) fn text(payload: &str) -> Vec<u8> {
    masked(TEXT, payload.as_bytes())
}

pub(super) fn close(code: u16) -> Vec<u8> {
    masked(CLOSE, &code.to_be_bytes())
}

pub(super) fn pong(payload: &[u8]) -> Vec<u8> {
    masked(PONG, payload)
}

/// Takes the next whole frame off what came; an error for what no server may send.
pub(super) fn next(held: &mut Vec<u8>) -> Result<Option<Frame>, String> {
    let &[first, second, ..] = held.as_slice() else { return Ok(None) };
    if first & 0x70 != 0 || first & 0x80 == 0 || second & 0x80 != 0 {
        return Err(format!("a frame begins with {first:#x} {second:#x}"));
    }
    let (header, length) = match second {
        126 if held.len() < 4 => return Ok(None),
        126 => (4, usize::from(u16::from_be_bytes([held[2], held[3]]))),
        127 if held.len() < 10 => return Ok(None),
        127 => (10, usize::try_from(u64::from_be_bytes(held[2..10].try_into().unwrap())).unwrap()),
        short => (2, usize::from(short)),
    };
    if held.len() < header + length {
        return Ok(None);
    }
    let payload = held[header..header + length].to_vec();
    held.drain(..header + length);
    Ok(Some(match first & 0xf {
        TEXT => Frame::Text(String::from_utf8(payload).map_err(|error| error.to_string())?),
        CLOSE => Frame::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
        PING => Frame::Ping(payload),
        PONG => Frame::Other,
        opcode => return Err(format!("opcode {opcode}")),
    }))
}
