//! One client of a load: its connection, from the upgrade to the end. What goes over it stands in `events`, and
//! for pages of history in `paging`.

mod events;
mod paging;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;

use super::frames;
use super::ledger::Ledger;
use super::pages::Pages;
use super::refusal::{self, UpgradeRefusal};
use super::target::not_connected;
use crate::error::CliError;

/// Bytes that wait for a server that doesn't read, at most.
const BACKLOG_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a client waits whose upgrade got no answer, in milliseconds: as long as the server would have told it.
const COME_BACK_MS: u64 = 1_000;

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Apart,
    Connecting,
    Upgrading,
    Upgraded,
    /// It reads no more, whatever comes.
    Stalled,
}

/// A room of a client.
struct Seat {
    room: u32,
    is_in: bool,
    /// The number of the last change that came; `None` before the first join.
    last_seq: Option<u64>,
}

/// What a client keeps that sends.
#[derive(Default)]
struct Sender {
    sent: u64,
    /// Messages that it may still send, each after one of its own came back.
    left: u64,
    /// When those were due that are not acknowledged, in the order of their sending.
    under_way: VecDeque<u64>,
}

/// A client.
pub(super) struct Client {
    number: usize,
    upgrade: Vec<u8>,
    stream: Option<TcpStream>,
    stage: Stage,
    /// The beginning of a frame whose end is not there yet.
    partial: Vec<u8>,
    /// Bytes that a full socket did not take.
    backlog: Vec<u8>,
    seats: Vec<Seat>,
    sender: Sender,
    /// Whose history it reads, if it reads any.
    pages: Option<Pages>,
}

impl Client {
    /// A client that is not connected yet; `upgrade` is what it asks for first.
    pub(super) fn new(number: usize, upgrade: String, rooms: impl IntoIterator<Item = u32>) -> Self {
        Self {
            number,
            upgrade: upgrade.into_bytes(),
            stream: None,
            stage: Stage::Apart,
            partial: Vec::new(),
            backlog: Vec::new(),
            seats: rooms.into_iter().map(|room| Seat { room, is_in: false, last_seq: None }).collect(),
            sender: Sender::default(),
            pages: None,
        }
    }

    /// Takes a connection that is being made.
    pub(super) fn connect(&mut self, stream: TcpStream) -> &mut TcpStream {
        self.stage = Stage::Connecting;
        self.partial = Vec::new();
        self.backlog = Vec::new();
        self.stream.insert(stream)
    }

    /// Ends the connection. What was held of the rooms stays.
    pub(super) fn part(&mut self, ledger: &mut Ledger) {
        self.leave_all(ledger);
        self.stage = Stage::Apart;
        self.stream = None;
    }

    /// Counts the client out of its rooms: nothing more has to come to it.
    fn leave_all(&mut self, ledger: &mut Ledger) {
        if self.is_joined() {
            ledger.counts.joined = ledger.counts.joined.saturating_sub(1);
        }
        for seat in self.seats.iter_mut().filter(|seat| seat.is_in) {
            seat.is_in = false;
            ledger.leave(seat.room);
        }
    }

    /// Forgets what was held of the rooms: the next join brings the last messages.
    pub(super) fn forget(&mut self) {
        for seat in &mut self.seats {
            seat.last_seq = None;
        }
    }

    /// Stops reading for good: what the client misses from now on is not expected any more. Gives back its connection,
    /// of which nobody needs to hear again.
    pub(super) fn stall(&mut self, ledger: &mut Ledger) -> Option<&mut TcpStream> {
        self.leave_all(ledger);
        self.stage = Stage::Stalled;
        self.stream.as_mut()
    }

    /// Whether the client stalled and the server has not closed it, as far as its socket tells: the close frame stands
    /// behind all that was never read.
    pub(super) fn is_held(&mut self, buffer: &mut [u8], ledger: &mut Ledger) -> Result<bool, CliError> {
        if self.stage == Stage::Stalled {
            self.read(buffer, ledger)?;
        }
        Ok(self.stage == Stage::Stalled)
    }

    /// Goes on with what the socket is ready for.
    pub(super) fn go_on(
        &mut self,
        can_write: bool,
        buffer: &mut [u8],
        ledger: &mut Ledger,
    ) -> Result<(), CliError> {
        if self.stage == Stage::Connecting {
            if !can_write {
                return Ok(());
            }
            self.ask_for_upgrade()?;
        } else if can_write && !self.backlog.is_empty() {
            let waiting = std::mem::take(&mut self.backlog);
            self.write(&waiting)?;
        }
        // Whatever else is to be told of a socket shows when it is read.
        self.read(buffer, ledger)
    }

    fn ask_for_upgrade(&mut self) -> Result<(), CliError> {
        let failed = self.stream.as_ref().and_then(|stream| stream.take_error().transpose());
        if let Some(error) = failed {
            return Err(not_connected(&error.unwrap_or_else(|error| error)));
        }
        self.stage = Stage::Upgrading;
        let upgrade = std::mem::take(&mut self.upgrade);
        let written = self.write(&upgrade);
        self.upgrade = upgrade;
        written
    }

    /// Reads what the socket has.
    fn read(&mut self, buffer: &mut [u8], ledger: &mut Ledger) -> Result<(), CliError> {
        while let Some(stream) = &mut self.stream {
            let held = self.partial.len();
            let Some((front, free)) = buffer.split_at_mut_checked(held).filter(|(_, free)| !free.is_empty())
            else {
                return Err(self.fault("a frame is longer than any that the server sends"));
            };
            front.copy_from_slice(&self.partial);
            let read = match stream.read(free) {
                Ok(0) => return self.ended(None, ledger),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return self.ended(None, ledger),
            };
            ledger.counts.reads += 1;
            ledger.look_at_clock();
            let is_drained = read < free.len();
            let bytes = buffer.get(..held + read).unwrap_or_default();
            let rest = self.take(bytes, ledger)?;
            self.partial.clear();
            self.partial.extend_from_slice(rest);
            // A short read has emptied the socket (epoll(7)): the next arrival brings a new event.
            if is_drained {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes all that is whole; gives back the rest.
    fn take<'b>(&mut self, bytes: &'b [u8], ledger: &mut Ledger) -> Result<&'b [u8], CliError> {
        let mut rest = bytes;
        if self.stage == Stage::Upgrading {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(bytes) };
            let (head, frames) = bytes.split_at_checked(end + 4).unwrap_or((bytes, &[]));
            if let Some(refusal) = UpgradeRefusal::read(head) {
                self.upgrade_refused(refusal, ledger)?;
                return Ok(&[]);
            }
            self.stage = Stage::Upgraded;
            self.join_all(ledger)?;
            rest = frames;
        }
        while let Some(frame) = frames::split_first(rest) {
            match frame.opcode {
                frames::TEXT if self.stage == Stage::Stalled => {}
                frames::TEXT => self.hear(frame.payload, ledger)?,
                frames::PING => {
                    ledger.counts.pings += 1;
                    self.write_frame(frames::PONG, frame.payload)?;
                }
                frames::PONG => {}
                frames::CLOSE => {
                    let code = frame.payload.first_chunk().map(|&code| u16::from_be_bytes(code));
                    self.ended(code, ledger)?;
                    return Ok(&[]);
                }
                opcode => return Err(self.fault(&format!("a frame with the opcode {opcode}"))),
            }
            rest = frame.rest;
        }
        Ok(rest)
    }

    fn upgrade_refused(&mut self, refusal: UpgradeRefusal, ledger: &mut Ledger) -> Result<(), CliError> {
        let after_ms = refusal.again_after_ms().ok_or_else(|| refusal.into_error())?;
        self.part(ledger);
        ledger.put_off(self.number, None, after_ms);
        Ok(())
    }

    fn ended(&mut self, code: Option<u16>, ledger: &mut Ledger) -> Result<(), CliError> {
        let stage = self.stage;
        self.part(ledger);
        match stage {
            // The answer that there is no place may be lost with the connection.
            Stage::Upgrading => ledger.put_off(self.number, None, COME_BACK_MS),
            Stage::Stalled => {}
            _ => return Err(refusal::closed(code)),
        }
        Ok(())
    }

    /// Lets nothing follow any more: no messages, no pages.
    pub(super) fn stop(&mut self) {
        self.sender.left = 0;
        self.pages = None;
    }

    /// Whether the client is in all its rooms.
    fn is_joined(&self) -> bool {
        self.stage == Stage::Upgraded && self.seats.iter().all(|seat| seat.is_in)
    }

    fn write_frame(&mut self, opcode: u8, payload: &[u8]) -> Result<(), CliError> {
        let mut frame = Vec::with_capacity(payload.len() + 16);
        frames::append(opcode, payload, &mut frame);
        self.write(&frame)
    }

    /// Writes, or lets wait what a full socket doesn't take.
    fn write(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let written = if self.backlog.is_empty() { try_write(stream, bytes) } else { 0 };
        self.backlog.extend_from_slice(bytes.get(written..).unwrap_or_default());
        if self.backlog.len() > BACKLOG_BYTES_MAX {
            return Err(CliError::server(
                format!("the server does not read: {} bytes wait for it", self.backlog.len()),
                "send fewer messages per second",
            ));
        }
        Ok(())
    }

    fn fault(&self, what: &str) -> CliError {
        CliError::server(
            format!("client {}: {what}", self.number + 1),
            "see the server's log, and whether it is a chat",
        )
    }
}

/// Writes what the socket takes. Why it takes nothing shows when it is read.
fn try_write(stream: &mut TcpStream, bytes: &[u8]) -> usize {
    loop {
        match stream.write(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return 0,
            written => return written.unwrap_or(bytes.len()),
        }
    }
}
