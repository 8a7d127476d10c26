//! The reader task: frames in, one after the other, until the connection ends.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use chat_protocol::CloseCode;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Notify;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::connection::admission::{Admission, Bounds, admit};
use crate::connection::brake::Brake;
#[cfg(feature = "echo")]
use crate::connection::echo::echo_all;
use crate::connection::frame_headers::BadFrame;
use crate::connection::io::ReaderIo;
use crate::connection::socket::SocketWriter;
use crate::handlers::{self, Handled, Refusal};
use crate::shard::state::{IN_FLIGHT_MAX, Lifecycle};
use crate::shard::{ConnectionKey, Gone, Shard};
use crate::survive::survive;

/// Bytes of the library's read buffer: an ordinary frame. It stays allocated while the connection is idle, and is
/// zero-filled at every read; a long frame is taken in several.
const READ_BUFFER_BYTES: usize = 512;
/// Bytes that a client may still send while its connection is closed, at most.
const FAREWELL_BYTES_MAX: u64 = 1024 * 1024;

/// What comes from a client.
pub(crate) enum Incoming {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message. The chat has none.
    #[cfg_attr(not(feature = "echo"), expect(dead_code, reason = "only the echo route looks into it"))]
    Binary(Bytes),
    /// The end, and the code that the server answers with if it has one.
    Ended(Option<CloseCode>),
}

/// The reading side of one connection.
pub(crate) struct Reader<R, W> {
    pub(crate) shard: Rc<Shard<W>>,
    pub(crate) key: ConnectionKey,
    socket: WebSocketStream<ReaderIo<R, W>>,
    wake: Rc<Notify>,
    /// Bytes that may wait to be written; above them nothing is read.
    queue_bytes_max: usize,
    brake: Brake,
    /// Whether the client's frames can still be read: not after one that breaks the protocol.
    is_sound: bool,
}

/// Removes the connection when its task ends, however it ends.
struct Registration<W: SocketWriter>(Rc<Shard<W>>, ConnectionKey);

impl<W: SocketWriter> Drop for Registration<W> {
    fn drop(&mut self) {
        self.0.remove(self.1);
    }
}

/// Serves one connection from the upgrade to its end. `leftover` is what came behind the handshake.
pub(crate) async fn serve<R: AsyncRead + Unpin, W: SocketWriter>(
    shard: Rc<Shard<W>>,
    (reader, writer): (R, W),
    leftover: Vec<u8>,
    admission: Admission,
) {
    let bounds = admission.bounds(&shard.node);
    let (key, wake) = shard.open(writer, shard.node.clock.now());
    let _registration = Registration(Rc::clone(&shard), key);
    // Boxed, so that the idle connection's task doesn't keep the size of what is over.
    let mut reader = Box::pin(Reader::begin((shard, key), reader, leftover, wake, bounds)).await;
    let code = survive("a connection", reader.serve(admission)).await.unwrap_or(Some(CloseCode::Internal));
    Box::pin(reader.say_farewell(code)).await;
}

impl<R: AsyncRead + Unpin, W: SocketWriter> Reader<R, W> {
    async fn begin(
        (shard, key): (Rc<Shard<W>>, ConnectionKey),
        reader: R,
        mut leftover: Vec<u8>,
        wake: Rc<Notify>,
        bounds: Bounds,
    ) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(bounds.message_bytes))
            .max_frame_size(Some(bounds.message_bytes));
        let mut io = ReaderIo::new(reader, bounds.message_bytes, (Rc::clone(&shard), key));
        leftover.truncate(io.check(&leftover));
        let socket = WebSocketStream::from_partially_read(io, leftover, Role::Server, Some(config)).await;
        let brake = Brake::new(shard.node.clock.now());
        Self { shard, key, socket, wake, queue_bytes_max: bounds.queue_bytes, brake, is_sound: true }
    }

    /// Signs the client in and handles its frames; gives back the code to close it with.
    async fn serve(&mut self, admission: Admission) -> Option<CloseCode> {
        #[cfg(feature = "echo")]
        if matches!(admission, Admission::Echo) {
            return Box::pin(echo_all(self)).await;
        }
        match Box::pin(admit(self, admission)).await {
            Ok(()) => self.read_all().await,
            Err(code) => code,
        }
    }

    /// Handles frames until the connection ends; gives back the code to close it with.
    async fn read_all(&mut self) -> Option<CloseCode> {
        loop {
            match self.next().await {
                Incoming::Ended(code) => return code,
                Incoming::Binary(_) => return Some(CloseCode::Unsupported),
                Incoming::Text(text) => match handlers::handle(&self.shard, self.key, &text).await {
                    Ok(Handled::Taken) => {}
                    Ok(Handled::Postponed(refusal)) => self.slow_down(refusal).await,
                    Ok(Handled::Illegible) => {
                        if let Err(code) = self.count_nuisance() {
                            return code;
                        }
                    }
                    Err(Gone) => return None,
                },
            }
        }
    }

    /// Waits until the client has taken enough of what it was sent, and enough of its sends are answered. Nothing more
    /// is taken of a client whose time to leave has come: it is closed once its sends are answered.
    async fn wait_for_room(&self) -> Result<(), Gone> {
        loop {
            let has_room = self.shard.with(self.key, |connection| {
                if connection.lifecycle != Lifecycle::Open {
                    return Err(Gone);
                }
                let has_room = connection.outbox.bytes() <= self.queue_bytes_max
                    && connection.in_flight < IN_FLIGHT_MAX
                    && !connection.is_leaving(self.shard.node.clock.now());
                connection.is_reader_waiting = !has_room;
                Ok(has_room)
            })??;
            if has_room {
                return Ok(());
            }
            self.wake.notified().await;
        }
    }

    /// The next message, or the end. Nothing is read while the client doesn't take what it was sent: a client
    /// that only pings gets its pongs at the pace at which it reads them.
    pub(crate) async fn next(&mut self) -> Incoming {
        loop {
            if self.wait_for_room().await.is_err() {
                return Incoming::Ended(None);
            }
            tokio::select! {
                biased;
                () = self.wake.notified() => {
                    if !self.shard.is_open(self.key) {
                        return Incoming::Ended(None);
                    }
                }
                message = self.socket.next() => {
                    self.hear();
                    match message {
                        Some(Ok(Message::Text(text))) => return Incoming::Text(text),
                        Some(Ok(Message::Binary(bytes))) => return Incoming::Binary(bytes),
                        // The library answers pings and closes by itself with the next read.
                        Some(Ok(_)) => {
                            if let Err(code) = self.count_nuisance() {
                                return Incoming::Ended(code);
                            }
                        }
                        None => return Incoming::Ended(None),
                        Some(Err(error)) => {
                            self.is_sound = false;
                            return Incoming::Ended(close_code(&error));
                        }
                    }
                }
            }
        }
    }

    /// Counts a frame that asks for nothing: a control frame, or one that can't be read. The code to close with, if
    /// there are too many of them.
    pub(crate) fn count_nuisance(&mut self) -> Result<(), Option<CloseCode>> {
        if self.socket.get_mut().take_nuisance() { Ok(()) } else { Err(Some(CloseCode::Policy)) }
    }

    /// Counts a request that was told to come again later, and waits if there were too many of them.
    async fn slow_down(&mut self, refusal: Refusal) {
        let wait = self.brake.refused(refusal, self.shard.node.clock.now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Notes that something came.
    fn hear(&self) {
        let now = self.shard.node.clock.now();
        let _ = self.shard.with(self.key, |connection| {
            connection.heard_at = now;
            connection.is_pinged = false;
        });
    }

    /// Sends the close frame and what waits before it, and gives the client some time to answer.
    async fn say_farewell(&mut self, code: Option<CloseCode>) {
        if let Some(code) = code {
            self.shard.close(self.key, code);
        }
        let limit = Duration::from_millis(self.shard.node.timers.close_timeout_ms);
        let _ = tokio::time::timeout(limit, self.flush()).await;
        let is_closing = self.shard.with(self.key, |connection| connection.lifecycle == Lifecycle::Closing);
        if is_closing == Ok(true) {
            let _ = tokio::time::timeout(limit, self.await_answer()).await;
        }
    }

    /// Waits until everything is written, or nothing more can be.
    async fn flush(&self) {
        loop {
            let is_done = self.shard.with(self.key, |connection| {
                connection.is_reader_waiting = true;
                connection.outbox.bytes() == 0 || connection.lifecycle == Lifecycle::Broken
            });
            if is_done != Ok(false) {
                return;
            }
            self.wake.notified().await;
        }
    }

    /// Reads until the client closes too. Ending with unread bytes would reset the connection and lose the close frame.
    async fn await_answer(&mut self) {
        if self.is_sound {
            while let Some(Ok(message)) = self.socket.next().await {
                if message.is_close() {
                    return;
                }
            }
        } else {
            // Whoever broke the protocol may not know how to answer a close, but sees the end behind it.
            let _ = self.shard.with(self.key, |connection| connection.writer.finish());
            let mut rest = (&mut self.socket.get_mut().reader).take(FAREWELL_BYTES_MAX);
            let mut scratch = [0; 1024];
            while rest.read(&mut scratch).await.is_ok_and(|bytes| bytes > 0) {}
        }
    }
}

/// The code that answers what was found wrong; `None` if nobody is there to read it.
fn close_code(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Io(error) => match error.get_ref()?.downcast_ref()? {
            BadFrame::Malformed => Some(CloseCode::ProtocolError),
            BadFrame::TooBig => Some(CloseCode::TooBig),
            BadFrame::Nuisance => Some(CloseCode::Policy),
        },
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseCode::ProtocolError),
        Error::Utf8(_) => Some(CloseCode::InvalidUtf8),
        Error::Capacity(_) => Some(CloseCode::TooBig),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

    use super::*;

    /// Bytes of the task of an idle connection, at most: it is what most connections are.
    const TASK_BYTES_MAX: usize = 1_024;

    fn size_of_future<A, B, C, D, F: Future>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        let bytes = size_of_future(serve::<OwnedReadHalf, OwnedWriteHalf>);
        assert!(bytes <= TASK_BYTES_MAX, "{bytes} bytes");
    }
}
