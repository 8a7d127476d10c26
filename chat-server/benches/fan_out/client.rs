//! One client of the generator: it signs in, joins its room, counts what comes and checks that nothing is missing.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::frames::{self, behind_last, event_name, number_behind};
use crate::shape::{Shape, room_name, token};

/// Bytes in a message's body.
const BODY_BYTES: usize = 100;

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Upgrading,
    Joining,
    Joined,
}

/// What the clients of a generator count together.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) joined: usize,
    /// `new_message` frames, over all clients.
    pub(crate) deliveries: u64,
    /// Reads of sockets that brought something.
    pub(crate) reads: u64,
}

/// What a sender keeps.
#[derive(Debug, Default)]
struct Sender {
    sent: u64,
    echoed: u64,
    acks: u64,
}

/// A client.
pub(crate) struct Client {
    number: usize,
    room: String,
    pub(crate) stream: TcpStream,
    stage: Stage,
    /// The beginning of a frame whose end is not there yet.
    partial: Vec<u8>,
    /// The number of the last durable event in the room.
    last_seq: u64,
    sender: Option<Sender>,
}

impl Client {
    /// Connects and asks for the upgrade.
    pub(crate) fn connect(number: usize, address: SocketAddr, shape: &Shape) -> io::Result<Self> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let upgrade = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Authorization: Bearer {}\r\n\r\n",
            token(number)
        );
        stream.write_all(upgrade.as_bytes())?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            number,
            room: room_name(shape.room_of(number)),
            stream: TcpStream::from_std(stream),
            stage: Stage::Upgrading,
            partial: Vec::new(),
            last_seq: 0,
            sender: shape.is_sender(number).then(Sender::default),
        })
    }

    /// Reads what the socket has. `is_sending` says whether an echo is followed by the next message.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        counts: &mut Counts,
        is_sending: bool,
    ) -> io::Result<()> {
        loop {
            let held = self.partial.len();
            buffer[..held].copy_from_slice(&self.partial);
            let read = match self.stream.read(&mut buffer[held..]) {
                Ok(0) => return Err(self.fault("the connection ended")),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(self.fault(&error.to_string())),
            };
            counts.reads += 1;
            let bytes = &buffer[..held + read];
            let taken = self.take(bytes, counts, is_sending)?;
            self.partial.clear();
            self.partial.extend_from_slice(&bytes[taken..]);
            // A short read has emptied the socket (epoll(7)): the next arrival brings a new event.
            if bytes.len() < buffer.len() {
                return Ok(());
            }
        }
    }

    /// Takes all that is whole; gives back how many bytes that is.
    fn take(&mut self, bytes: &[u8], counts: &mut Counts, is_sending: bool) -> io::Result<usize> {
        let mut taken = 0;
        if self.stage == Stage::Upgrading {
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(0) };
            if !bytes.starts_with(b"HTTP/1.1 101 ") {
                return Err(self.fault(&String::from_utf8_lossy(bytes)));
            }
            taken = end + 4;
            self.stage = Stage::Joining;
            let join = format!(r#"{{"type":"join_room","room":"{}"}}"#, self.room);
            self.write(frames::TEXT, join.as_bytes())?;
        }
        while let Some(frame) = frames::first(&bytes[taken..]) {
            let payload = &bytes[taken..][frame.payload.clone()];
            match frame.opcode {
                frames::TEXT => self.hear(payload, counts, is_sending)?,
                frames::PING => self.write(frames::PONG, payload)?,
                _ => return Err(self.fault(&format!("a frame {frame:?}: {}", text(payload)))),
            }
            taken += frame.payload.end;
        }
        Ok(taken)
    }

    fn hear(&mut self, payload: &[u8], counts: &mut Counts, is_sending: bool) -> io::Result<()> {
        match event_name(payload) {
            b"new_message" => {
                counts.deliveries += 1;
                self.apply(payload)?;
                if self.is_own(payload)? && is_sending {
                    self.send()?;
                }
            }
            b"ack" => {
                if let Some(sender) = &mut self.sender {
                    sender.acks += 1;
                }
            }
            b"room_joined" => {
                self.stage = Stage::Joined;
                self.last_seq = number_behind(payload, br#""last_seq":"#).unwrap_or(0);
                counts.joined += 1;
            }
            b"status" | b"user_joined" | b"presence" | b"rooms_changed" => {}
            _ => return Err(self.fault(&format!("an unexpected event: {}", text(payload)))),
        }
        Ok(())
    }

    /// Checks that the message is the next one of its room.
    fn apply(&mut self, payload: &[u8]) -> io::Result<()> {
        let seq = number_behind(payload, br#""seq":"#);
        if seq != Some(self.last_seq + 1) {
            let last_seq = self.last_seq;
            return Err(self.fault(&format!("LOST OR DOUBLED: seq {seq:?} came after {last_seq}")));
        }
        self.last_seq += 1;
        Ok(())
    }

    /// Whether a message is the echo of the client's own; its own come back in the order in which they were sent.
    fn is_own(&mut self, payload: &[u8]) -> io::Result<bool> {
        let Some(sender) = &mut self.sender else { return Ok(false) };
        let key = behind_last(payload, br#""key":""#).unwrap_or_default();
        let own = format!("{:04}-{:08}\"", self.number, sender.echoed);
        if key.starts_with(own.as_bytes()) {
            sender.echoed += 1;
            return Ok(true);
        }
        // The number of the client and the hyphen.
        if key.starts_with(&own.as_bytes()[..5]) {
            return Err(self.fault(&format!("own messages out of order: {}", text(payload))));
        }
        Ok(false)
    }

    /// Sends the first messages of a sender, as many as may be under way.
    pub(crate) fn begin(&mut self, window: u64) -> io::Result<()> {
        let first = if self.sender.is_some() { window } else { 0 };
        (0..first).try_for_each(|_| self.send())
    }

    fn send(&mut self) -> io::Result<()> {
        let Some(sender) = &mut self.sender else { return Ok(()) };
        let n = sender.sent;
        sender.sent += 1;
        let message = format!(
            r#"{{"type":"send_message","id":"{n}","room":"{}","body":"{:x<BODY_BYTES$}","key":"{:04}-{n:08}"}}"#,
            self.room, "", self.number
        );
        self.write(frames::TEXT, message.as_bytes())
    }

    /// Writes one frame with one system call.
    fn write(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(payload.len() + 16);
        frames::append_masked(opcode, payload, &mut frame);
        self.stream.write_all(&frame).map_err(|error| self.fault(&format!("a write: {error}")))
    }

    /// How many messages this client sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sender.as_ref().map_or(0, |sender| sender.sent)
    }

    /// Whether the client has everything of its room, and of what it sent itself.
    pub(crate) fn has_all(&self, last_seq: u64, acknowledges: bool) -> bool {
        let is_answered =
            |sender: &Sender| sender.echoed == sender.sent && (!acknowledges || sender.acks == sender.sent);
        self.last_seq == last_seq && self.sender.as_ref().is_none_or(is_answered)
    }

    /// What the client knows, for the text of a fault.
    pub(crate) fn state(&self) -> String {
        format!("client {} in {}: last seq {}, {:?}", self.number, self.room, self.last_seq, self.sender)
    }

    fn fault(&self, what: &str) -> io::Error {
        io::Error::other(format!("{}: {what}", self.state()))
    }
}

fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}
