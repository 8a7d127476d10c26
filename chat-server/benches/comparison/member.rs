//! A member of the huge room: a socket that holds what comes, and knows when it came.

use std::io::{self, IoSliceMut, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Socket, Type};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::wire::{append_masked_frame, first_frame};

/// Bytes that a socket holds for a member who doesn't read: many times a burst, for the kernel counts its own as well.
const HELD_BYTES: usize = 1024 * 1024;
const READ_BYTES: usize = 256 * 1024;
/// A key that means nothing (RFC 6455 section 4.1); the answer to it is not looked at.
const HANDSHAKE_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const JOIN: &[u8] = br#"{"type":"join_room","id":"join","room":"bench-1"}"#;
const JOINED: &[u8] = br#"{"type":"room_joined""#;
const NEW_MESSAGE: &[u8] = br#"{"type":"new_message""#;

/// A client in the room.
pub(crate) struct Member {
    stream: TcpStream,
    /// The beginning of a frame whose end is not there yet.
    partial: Vec<u8>,
    is_joined: bool,
    /// Messages that were heard since this was last set to nothing.
    pub(crate) messages: usize,
    /// When the kernel took the last of the bytes that were read, counted from 1970. It begins to say so a moment after
    /// it was asked to.
    pub(crate) heard_at: Option<Duration>,
}

impl Member {
    /// Connects and upgrades, as the person of a token.
    pub(crate) fn connect(server: &str, token: &str) -> io::Result<Self> {
        let address: SocketAddr = server.trim_start_matches("http://").parse().map_err(io::Error::other)?;
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // Before it connects: the window's scale is settled then.
        socket.set_recv_buffer_size(HELD_BYTES)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        socket.connect(&address.into())?;
        let mut stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        write!(
            stream,
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {HANDSHAKE_KEY}\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        )?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend_from_slice(&byte);
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
        }
        Ok(Self { stream, partial: Vec::new(), is_joined: false, messages: 0, heard_at: None })
    }

    /// Asks for the room.
    pub(crate) fn join(&mut self) -> io::Result<()> {
        self.write_frame(JOIN)
    }

    /// Waits for the answer. From then on nothing waits.
    pub(crate) fn wait_until_joined(&mut self) -> io::Result<()> {
        while !self.is_joined {
            self.receive()?;
        }
        self.stream.set_nonblocking(true)
    }

    /// The connection.
    pub(crate) const fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Reads what came; `false` if it was nothing.
    pub(crate) fn read(&mut self) -> io::Result<bool> {
        let mut has_come = false;
        loop {
            match self.receive() {
                Ok(()) => has_come = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(has_come),
                Err(error) => return Err(error),
            }
        }
    }

    /// Receives something, with the time at which the last byte of it came (socket(7), `SO_TIMESTAMPNS`).
    fn receive(&mut self) -> io::Result<()> {
        let mut bytes = vec![0; READ_BYTES];
        let mut control = nix::cmsg_space!(TimeSpec);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let descriptor = self.stream.as_raw_fd();
        let message = recvmsg::<()>(descriptor, &mut slices, Some(&mut control), MsgFlags::empty())?;
        let received = message.bytes;
        self.heard_at = None;
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmTimestampns(time) = control {
                self.heard_at = Some(time.into());
            }
        }
        if received == 0 {
            return Err(io::Error::other("the server ended a connection"));
        }
        let mut held = std::mem::take(&mut self.partial);
        held.extend_from_slice(&bytes[..received]);
        let mut taken = 0;
        while let Some((header, payload)) = first_frame(&held[taken..])? {
            let payload = taken + payload.start..taken + payload.end;
            taken = payload.end;
            self.hear(header.opcode, &held[payload])?;
        }
        self.partial = held.split_off(taken);
        Ok(())
    }

    fn hear(&mut self, opcode: OpCode, payload: &[u8]) -> io::Result<()> {
        match opcode {
            OpCode::Data(Data::Text) if payload.starts_with(NEW_MESSAGE) => self.messages += 1,
            OpCode::Data(Data::Text) if payload.starts_with(JOINED) => self.is_joined = true,
            OpCode::Data(Data::Text) if payload.starts_with(br#"{"type":"error""#) => {
                return Err(io::Error::other(String::from_utf8_lossy(payload).into_owned()));
            }
            OpCode::Control(Control::Close) => {
                return Err(io::Error::other("the server closes a connection"));
            }
            // The server waits for a sign of life, and takes any.
            OpCode::Control(Control::Ping) => self.write_frame(br#"{"type":"ping"}"#)?,
            _ => {}
        }
        Ok(())
    }

    fn write_frame(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::new();
        append_masked_frame(payload, &mut frame)?;
        self.stream.write_all(&frame)
    }
}
