//! The stream that the WebSocket library sees: it reads the socket as far as the frames are good, and what it writes
//! joins the backlog.
//!
//! The library writes control frames only. Were they written past the backlog, they could cut a half-sent frame.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chat_domain::{Rate, TokenBucket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::headers::{BadFrame, Headers};
use crate::connection::socket::SocketWriter;
use crate::shard::{ConnectionKey, Shard};

/// Frames that ask for nothing and that a client may send: so many at once, and so many per ten seconds.
const NUISANCES: Rate = Rate::new(1_000, 10_000);

/// The reading half, and the shard that writes.
pub(crate) struct ReaderIo<R, W> {
    pub(crate) reader: R,
    /// What came behind the handshake, and is read first.
    leftover: Bytes,
    headers: Headers,
    /// The frame at which reading ended.
    bad_frame: Option<BadFrame>,
    nuisances: TokenBucket,
    shard: Rc<Shard<W>>,
    key: ConnectionKey,
}

impl<R, W: SocketWriter> ReaderIo<R, W> {
    /// The stream of a connection whose messages may have so many bytes. `leftover` is what came behind the handshake.
    pub(crate) fn new(
        reader: R,
        leftover: Vec<u8>,
        message_bytes_max: usize,
        (shard, key): (Rc<Shard<W>>, ConnectionKey),
    ) -> Self {
        let nuisances = TokenBucket::new(NUISANCES, shard.node.clock.now());
        let headers = Headers::new(message_bytes_max);
        Self { reader, leftover: leftover.into(), headers, bad_frame: None, nuisances, shard, key }
    }

    /// Counts a frame that asks for nothing: a control frame, an empty fragment, or one that can't be read. Whether
    /// the client may still send it.
    pub(crate) fn bear_nuisance(&mut self) -> bool {
        self.nuisances.take(NUISANCES, self.shard.node.clock.now()).is_ok()
    }

    /// Looks over what came into the buffer behind so many bytes, and takes away what stands behind a bad frame.
    fn check(&mut self, before: usize, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let came = buffer.filled().get(before..).unwrap_or_default();
        let (nuisances, clock) = (&mut self.nuisances, &self.shard.node.clock);
        let (good, bad_frame) =
            self.headers.pass(came, || nuisances.take(NUISANCES, clock.now()).is_ok());
        buffer.set_filled(before + good);
        self.bad_frame = bad_frame;
        // The frames before it are handled first: the error comes with the next read.
        match bad_frame {
            Some(bad) if good == 0 => Err(io::Error::other(bad)),
            _ => Ok(()),
        }
    }
}

impl<R: AsyncRead + Unpin, W: SocketWriter> AsyncRead for ReaderIo<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(bad) = self.bad_frame {
            return Poll::Ready(Err(io::Error::other(bad)));
        }
        let before = buffer.filled().len();
        if self.leftover.is_empty() {
            ready!(Pin::new(&mut self.reader).poll_read(context, buffer))?;
        } else {
            let bytes = self.leftover.len().min(buffer.remaining());
            buffer.put_slice(&self.leftover.split_to(bytes));
        }
        Poll::Ready(self.check(before, buffer))
    }
}

impl<R: Unpin, W: SocketWriter> AsyncWrite for ReaderIo<R, W> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // A connection that is being closed has its close frame queued; nothing may follow it.
        let _ = self.shard.push(self.key, Bytes::copy_from_slice(bytes));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
