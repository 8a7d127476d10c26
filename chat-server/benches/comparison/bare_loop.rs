//! The limits of fan-out and of storms: a loop that finds a message's room and writes it to the members, and answers
//! joins. No sign-in, no rules, no acks; nothing is stored, or the rows alone.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::ops::Range;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::canned::{Answer, Canned};
use crate::rows::{CREATED_AT_MS, Row, Rows};
use crate::wire::{append_frame, behind, first_frame, number_behind, room_of, text, upgraded};

/// When messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Each at once, with one write for each member.
    EachMessage,
    /// All that a turn of the loop brought to a room together, with one write for each member.
    EachTurn,
}

const LISTENER: Token = Token(usize::MAX);
const EVENTS: usize = 1_024;
const READ_BYTES: usize = 64 * 1024;
/// Connections that may wait to be accepted: as many as the server lets wait.
const BACKLOG_MAX: i32 = 4_096;

/// Listens on a free port, says where, and serves until it is killed. With rows, what a turn of the loop brought is
/// durable before anybody hears of it. With canned answers a join brings what was missed.
pub(crate) fn run(flush: Flush, rows: Option<Rows>, canned: Option<Canned>) -> io::Result<()> {
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    socket2::SockRef::from(&listener).listen(BACKLOG_MAX)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut events = Events::with_capacity(EVENTS);
    let mut hub = Hub {
        flush,
        rows,
        canned,
        connections: Vec::new(),
        rooms: Vec::new(),
        dirty: BTreeSet::new(),
        uncommitted: Vec::new(),
    };
    let mut buffer = vec![0; READ_BYTES];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                hub.accept(&listener, &poll)?;
            } else if event.is_writable() {
                hub.connections[event.token().0].write_backlog()?;
            }
            if event.token() != LISTENER && event.is_readable() {
                hub.read(event.token().0, &mut buffer)?;
            }
        }
        hub.commit()?;
        hub.write_rooms()?;
    }
}

struct Hub {
    flush: Flush,
    rows: Option<Rows>,
    canned: Option<Canned>,
    connections: Vec<Connection>,
    rooms: Vec<Room>,
    /// Rooms with something to write at the end of the turn.
    dirty: BTreeSet<usize>,
    /// Messages that are durable at the end of the turn.
    uncommitted: Vec<Row>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    last_seq: u64,
    frames: Vec<u8>,
    newest: Newest,
    answer: Answer,
}

/// The last event of a room, and where in it the message stands.
#[derive(Default)]
struct Newest {
    event: Vec<u8>,
    message: Range<usize>,
}

struct Connection {
    /// Nothing once the client is gone.
    stream: Option<TcpStream>,
    rooms: Vec<usize>,
    is_upgraded: bool,
    /// Bytes that came and are no whole frame yet.
    partial: Vec<u8>,
    /// Bytes that a full socket did not take.
    backlog: Vec<u8>,
}

impl Connection {
    /// Writes some bytes, or lets them wait behind those that wait.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = if self.backlog.is_empty() { self.try_write(bytes)? } else { 0 };
        self.backlog.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    /// Writes what waits, now that the socket takes something again.
    fn write_backlog(&mut self) -> io::Result<()> {
        if !self.backlog.is_empty() {
            let waiting = std::mem::take(&mut self.backlog);
            self.write(&waiting)?;
        }
        Ok(())
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(stream) = &mut self.stream else { return Ok(bytes.len()) };
        match stream.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            // A client that goes away is none of the loop's business.
            Err(_) => Ok(bytes.len()),
            written => written,
        }
    }
}

impl Hub {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> io::Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let token = Token(self.connections.len());
            poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            self.connections.push(Connection {
                stream: Some(stream),
                rooms: Vec::new(),
                is_upgraded: false,
                partial: Vec::new(),
                backlog: Vec::new(),
            });
        }
    }

    fn read(&mut self, number: usize, buffer: &mut [u8]) -> io::Result<()> {
        let connection = &mut self.connections[number];
        let held = connection.partial.len();
        buffer[..held].copy_from_slice(&connection.partial);
        let Some(stream) = &mut connection.stream else { return Ok(()) };
        let read = match stream.read(&mut buffer[held..]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Ok(0) | Err(_) => {
                self.part(number);
                return Ok(());
            }
            Ok(read) => read,
        };
        let bytes = &mut buffer[..held + read];
        let mut taken = 0;
        if !connection.is_upgraded {
            if !bytes.ends_with(b"\r\n\r\n") {
                connection.partial = bytes.to_vec();
                return Ok(());
            }
            taken = bytes.len();
            connection.is_upgraded = true;
            let mut answer = upgraded(bytes);
            if let Some(canned) = &self.canned {
                answer.extend_from_slice(&canned.status);
            }
            connection.write(&answer)?;
        }
        while let Some((header, payload)) = first_frame(&bytes[taken..])? {
            let payload = taken + payload.start..taken + payload.end;
            taken = payload.end;
            let payload = &mut bytes[payload];
            let mask = header.mask.unwrap_or_default();
            payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
            self.hear(number, payload)?;
        }
        let partial = &mut self.connections[number].partial;
        partial.clear();
        partial.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    /// Forgets a client that is gone.
    fn part(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        connection.stream = None;
        for room in std::mem::take(&mut connection.rooms) {
            self.rooms[room].members.retain(|&member| member != number);
        }
    }

    fn hear(&mut self, number: usize, payload: &[u8]) -> io::Result<()> {
        let room = room_of(payload).unwrap_or(0);
        if self.rooms.len() <= room {
            self.rooms.resize_with(room + 1, Room::default);
        }
        if payload.starts_with(br#"{"type":"join_room""#) {
            let Room { members, last_seq, newest, answer, .. } = &mut self.rooms[room];
            members.push(number);
            let connection = &mut self.connections[number];
            connection.rooms.push(room);
            if let Some(canned) = &self.canned {
                let after = number_behind(payload, br#""after":"#);
                let sample = &newest.event[newest.message.clone()];
                return connection.write(canned.answer(room, *last_seq, after, sample, answer)?);
            }
            let joined = format!(r#"{{"type":"room_joined","room":"bench-{room}","last_seq":0}}"#);
            let mut frame = Vec::new();
            append_frame(joined.as_bytes(), &mut frame)?;
            return connection.write(&frame);
        }
        if payload.starts_with(br#"{"type":"send_message""#) {
            self.rooms[room].append(room, number, payload)?;
            if self.rows.is_some() {
                self.uncommitted.push(row(room, number, self.rooms[room].last_seq, payload)?);
            }
            self.dirty.insert(room);
            if self.flush == Flush::EachMessage {
                return self.write_rooms();
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> io::Result<()> {
        match &mut self.rows {
            Some(rows) if !self.uncommitted.is_empty() => rows.commit(&self.uncommitted)?,
            _ => {}
        }
        self.uncommitted.clear();
        Ok(())
    }

    /// Writes what the rooms have to their members.
    fn write_rooms(&mut self) -> io::Result<()> {
        while let Some(room) = self.dirty.pop_first() {
            let room = &mut self.rooms[room];
            for &member in &room.members {
                self.connections[member].write(&room.frames)?;
            }
            room.frames.clear();
        }
        Ok(())
    }
}

impl Room {
    /// Appends a message as long as the server's, framed once for all members.
    fn append(&mut self, room: usize, sender: usize, payload: &[u8]) -> io::Result<()> {
        self.last_seq += 1;
        let seq = self.last_seq;
        // From here on the sender's text is taken as it is: `"…","key":"…"}`.
        let rest = behind(payload, br#""body":"#).unwrap_or_default();
        let start = format!(r#"{{"type":"new_message","room":"bench-{room}","seq":{seq},"message":"#);
        let message_starts = start.len();
        let mut event = format!(
            r#"{start}{{"id":"{seq}","seq":{seq},"changed_seq":{seq},"user":{{"id":"{sender}","username":"user-{sender:04}","display_name":"user-{sender:04}"}},"kind":"text","created_at":{CREATED_AT_MS},"edited_at":null,"body":"#
        )
        .into_bytes();
        event.extend_from_slice(rest);
        let message_ends = event.len();
        event.push(b'}');
        append_frame(&event, &mut self.frames)?;
        self.newest = Newest { event, message: message_starts..message_ends };
        Ok(())
    }
}

/// A message as it is stored. Whoever connected first counts as the first of the people.
fn row(room: usize, number: usize, seq: u64, payload: &[u8]) -> io::Result<Row> {
    let room = u32::try_from(room).map_err(io::Error::other)?;
    let user_id = i64::try_from(number + 1).map_err(io::Error::other)?;
    let (body, key) = (text(payload, br#""body":""#), text(payload, br#""key":""#));
    Ok(Row { room, user_id, seq, body, key })
}
