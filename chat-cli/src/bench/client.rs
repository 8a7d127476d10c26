//! One client of a load: it signs in, joins its rooms, counts what comes, and sends the next message when its own came
//! back.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;

use super::frames;
use super::ledger::Ledger;
use super::refusal::{self, Asked, Refusal, UpgradeRefusal};
use super::target::not_connected;
use super::wire::{self, Mark};
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
        if self.is_joined() {
            ledger.counts.joined = ledger.counts.joined.saturating_sub(1);
        }
        for seat in self.seats.iter_mut().filter(|seat| seat.is_in) {
            seat.is_in = false;
            ledger.leave(seat.room);
        }
        self.stage = Stage::Apart;
        self.stream = None;
    }

    /// Forgets what was held of the rooms: the next join brings the last messages.
    pub(super) fn forget(&mut self) {
        for seat in &mut self.seats {
            seat.last_seq = None;
        }
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
        let was_upgrading = self.stage == Stage::Upgrading;
        self.part(ledger);
        if was_upgrading {
            // The answer that there is no place may be lost with the connection.
            ledger.put_off(self.number, None, COME_BACK_MS);
            return Ok(());
        }
        Err(refusal::closed(code))
    }

    fn hear(&mut self, payload: &[u8], ledger: &mut Ledger) -> Result<(), CliError> {
        if let Some((room, seq)) = wire::new_message(payload) {
            return self.deliver(room, seq, payload, ledger);
        }
        match wire::event_name(payload) {
            b"ack" => {
                let due_ns = self.sender.under_way.pop_front();
                due_ns.into_iter().for_each(|due_ns| ledger.acknowledged(due_ns));
            }
            b"room_joined" => self.room_joined(payload, ledger)?,
            b"changed" => {
                if let Some((room, seq)) = wire::changed(payload)
                    && let Some(seat) = self.seat(room)
                {
                    seat.last_seq = Some(seq);
                }
            }
            b"error" => return self.refused(Refusal::read(payload), ledger),
            b"room_left" => return Err(self.fault("the server ended a membership")),
            // Who comes and goes, who types, what is there besides: a load has no use for it.
            _ => {}
        }
        Ok(())
    }

    /// Counts a message and looks whether it is the next one of its room.
    fn deliver(&mut self, room: u32, seq: u64, payload: &[u8], ledger: &mut Ledger) -> Result<(), CliError> {
        let Some(seat) = self.seat(room) else { return Ok(()) };
        if seat.last_seq.is_some_and(|last_seq| seq <= last_seq) {
            ledger.counts.doubled += 1;
            return Ok(());
        }
        // What is left out is missing in the end: the deliveries are fewer than they should be.
        seat.last_seq = Some(seq);
        let sender = ledger.delivered(room, seq, payload).and_then(|sender| usize::try_from(sender).ok());
        if sender == Some(self.number) && self.sender.left > 0 {
            self.sender.left -= 1;
            self.send(ledger.now_ns, ledger)?;
        }
        Ok(())
    }

    fn room_joined(&mut self, payload: &[u8], ledger: &mut Ledger) -> Result<(), CliError> {
        let Some(joined) = wire::room_joined(payload) else { return Ok(()) };
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.room == joined.room) else { return Ok(()) };
        if let Some(history_wanted) = ledger.history_wanted {
            let messages = wire::messages_in(payload);
            let missed = match seat.last_seq {
                None => joined.last_seq.min(history_wanted),
                Some(last_seq) => joined.last_seq.saturating_sub(last_seq),
            };
            ledger.counts.history += messages;
            if joined.is_reset || messages < missed {
                ledger.counts.broken_joins += 1;
            }
        }
        seat.last_seq = Some(joined.last_seq);
        if std::mem::replace(&mut seat.is_in, true) {
            return Ok(());
        }
        if ledger.epoch.is_empty() {
            ledger.epoch = String::from_utf8_lossy(joined.epoch).into_owned();
        }
        ledger.enter(joined.room);
        if self.is_joined() {
            ledger.joined();
        }
        Ok(())
    }

    fn refused(&mut self, refusal: Refusal, ledger: &mut Ledger) -> Result<(), CliError> {
        let joining = self.seats.iter().find(|seat| !seat.is_in).map(|seat| seat.room);
        let Some(next) = joining else { return Err(refusal.into_error(Asked::Send)) };
        let Some(after_ms) = refusal.again_after_ms() else { return Err(refusal.into_error(Asked::Join)) };
        // A join's id is its room.
        let room = refusal.re.as_deref().and_then(|id| id.parse().ok()).unwrap_or(next);
        ledger.put_off(self.number, Some(room), after_ms);
        Ok(())
    }

    /// Asks to join all rooms, with one write.
    fn join_all(&mut self, ledger: &mut Ledger) -> Result<(), CliError> {
        let mut frames = Vec::new();
        for seat in &self.seats {
            append_join(seat, ledger, &mut frames);
        }
        self.write(&frames)
    }

    /// Asks to join a room again.
    pub(super) fn join(&mut self, room: u32, ledger: &mut Ledger) -> Result<(), CliError> {
        let mut frame = Vec::new();
        let Some(seat) = self.seat(room) else { return Ok(()) };
        append_join(seat, ledger, &mut frame);
        self.write(&frame)
    }

    /// Sends `at_once` messages now, and lets others follow until there were so many: one each time that an own one
    /// comes back.
    pub(super) fn begin(&mut self, at_once: u64, in_all: u64, ledger: &mut Ledger) -> Result<(), CliError> {
        let at_once = at_once.min(in_all);
        self.sender.left = in_all - at_once;
        ledger.look_at_clock();
        (0..at_once).try_for_each(|_| self.send(ledger.now_ns, ledger))
    }

    /// Lets no more messages follow.
    pub(super) fn stop(&mut self) {
        self.sender.left = 0;
    }

    /// Sends a message that was due at some time, with one system call.
    pub(super) fn send(&mut self, due_ns: u64, ledger: &mut Ledger) -> Result<(), CliError> {
        let Some(room) = self.seats.first().map(|seat| seat.room) else { return Ok(()) };
        let sender = u32::try_from(self.number).unwrap_or(u32::MAX);
        let mark = Mark { nonce: ledger.nonce, sender, due_ns };
        ledger.payload.clear();
        ledger.frame.clear();
        wire::write_send(room, mark, self.sender.sent, ledger.body_bytes, &mut ledger.payload);
        frames::append(frames::TEXT, &ledger.payload, &mut ledger.frame);
        self.write(&ledger.frame)?;
        self.sender.sent += 1;
        self.sender.under_way.push_back(due_ns);
        ledger.sent(room, due_ns);
        Ok(())
    }

    /// Whether the client is in all its rooms.
    fn is_joined(&self) -> bool {
        self.stage == Stage::Upgraded && self.seats.iter().all(|seat| seat.is_in)
    }

    fn seat(&mut self, room: u32) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.room == room)
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

fn append_join(seat: &Seat, ledger: &mut Ledger, frames: &mut Vec<u8>) {
    ledger.payload.clear();
    let position = seat.last_seq.map(|last_seq| (last_seq, ledger.epoch.as_str()));
    wire::write_join(seat.room, position, &mut ledger.payload);
    frames::append(frames::TEXT, &ledger.payload, frames);
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
