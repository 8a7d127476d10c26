//! Judges a client's frames by their headers, before the payload has come (RFC 6455 section 5.2).
//!
//! The library judges the reserved bits, the mask and the order of fragments only once the whole frame is there, the
//! length of a message in fragments only once it is too long, and the number of its empty fragments never.

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFrame {
    /// It breaks the protocol, or stands where it may not.
    #[error("a frame breaks the protocol")]
    Malformed,
    /// It announces more than a message may have.
    #[error("a message is too long")]
    TooBig,
    /// It adds nothing to a message that goes on, and there were too many of them.
    #[error("too many empty fragments")]
    Nuisance,
}

/// Where a client's bytes stand: in which frame, and in which message.
#[derive(Debug)]
pub(crate) struct FrameHeaders {
    message_bytes_max: u64,
    next: Next,
    /// Bytes of the message whose fragments are coming; `None` between messages.
    message_bytes: Option<u64>,
}

/// What the next byte is.
#[derive(Debug, Clone, Copy)]
enum Next {
    First,
    Second { first: u8 },
    Length { first: u8, bytes_left: u8, so_far: u64, least: u64 },
    Payload { bytes_left: u64 },
}

const FINAL: u8 = 0x80;
const RESERVED_BITS: u8 = 0x70;
const OPCODE: u8 = 0x0F;
const MASKED: u8 = 0x80;
const MASK_BYTES: u64 = 4;
/// Bytes in the payload of a control frame, at most (section 5.5).
const CONTROL_BYTES_MAX: u8 = 125;

impl FrameHeaders {
    /// The beginning of a connection whose messages may have so many bytes.
    pub(crate) fn new(message_bytes_max: usize) -> Self {
        let message_bytes_max = u64::try_from(message_bytes_max).unwrap_or(u64::MAX);
        Self { message_bytes_max, next: Next::First, message_bytes: None }
    }

    /// Looks over what came. Gives back how many of its bytes stand before the first that is bad, and what is wrong
    /// there. `take_nuisance` is asked whether one more fragment may come that is empty and not the last.
    pub(crate) fn pass(
        &mut self,
        came: &[u8],
        mut take_nuisance: impl FnMut() -> bool,
    ) -> (usize, Option<BadFrame>) {
        let mut rest = came;
        while let Some((&byte, behind)) = rest.split_first() {
            if let Next::Payload { bytes_left } = self.next {
                let here = usize::try_from(bytes_left).map_or(rest.len(), |bytes| bytes.min(rest.len()));
                rest = rest.get(here..).unwrap_or_default();
                self.skip(here);
            } else {
                if let Err(bad) = self.take(byte, &mut take_nuisance) {
                    return (came.len() - rest.len(), Some(bad));
                }
                rest = behind;
            }
        }
        (came.len(), None)
    }

    fn skip(&mut self, bytes: usize) {
        if let Next::Payload { bytes_left } = &mut self.next {
            *bytes_left = bytes_left.saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
            if *bytes_left == 0 {
                self.next = Next::First;
            }
        }
    }

    /// Takes a byte of a header.
    fn take(&mut self, byte: u8, take_nuisance: &mut impl FnMut() -> bool) -> Result<(), BadFrame> {
        self.next = match self.next {
            Next::First => Next::Second { first: check_first(byte)? },
            Next::Second { first } => match check_second(first, byte)? {
                126 => Next::Length { first, bytes_left: 2, so_far: 0, least: 126 },
                127 => Next::Length { first, bytes_left: 8, so_far: 0, least: 65_536 },
                short => self.begin(first, u64::from(short), take_nuisance)?,
            },
            Next::Length { first, bytes_left, so_far, least } => {
                match (bytes_left, so_far << 8 | u64::from(byte)) {
                    // A length is written as short as it can be.
                    (1, length) if length < least => return Err(BadFrame::Malformed),
                    (1, length) => self.begin(first, length, take_nuisance)?,
                    (_, so_far) => Next::Length { first, bytes_left: bytes_left - 1, so_far, least },
                }
            }
            payload @ Next::Payload { .. } => payload,
        };
        Ok(())
    }

    /// A frame begins whose length is known.
    fn begin(
        &mut self,
        first: u8,
        length: u64,
        take_nuisance: &mut impl FnMut() -> bool,
    ) -> Result<Next, BadFrame> {
        if !is_control(first) {
            let before = self.message_bytes.unwrap_or(0);
            let message_bytes = before.saturating_add(length);
            if message_bytes > self.message_bytes_max {
                return Err(BadFrame::TooBig);
            }
            let goes_on = first & OPCODE == 0;
            if goes_on != self.message_bytes.is_some() {
                return Err(BadFrame::Malformed);
            }
            let is_last = first & FINAL != 0;
            if length == 0 && !is_last && !take_nuisance() {
                return Err(BadFrame::Nuisance);
            }
            self.message_bytes = (!is_last).then_some(message_bytes);
        }
        Ok(Next::Payload { bytes_left: length.saturating_add(MASK_BYTES) })
    }
}

/// A control frame is one frame, never a fragment, and may come between the fragments of a message.
const fn is_control(first: u8) -> bool {
    first & 0x08 != 0
}

/// No extension was agreed on, so there are no reserved bits. The library knows the opcodes, by this byte too.
fn check_first(first: u8) -> Result<u8, BadFrame> {
    let is_whole = first & FINAL != 0;
    if first & RESERVED_BITS != 0 || is_control(first) && !is_whole {
        return Err(BadFrame::Malformed);
    }
    Ok(first)
}

/// Gives back the length, or how it follows.
fn check_second(first: u8, second: u8) -> Result<u8, BadFrame> {
    let length = second & !MASKED;
    if second & MASKED == 0 || is_control(first) && length > CONTROL_BYTES_MAX {
        return Err(BadFrame::Malformed);
    }
    Ok(length)
}
