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

use crate::connection::frame_headers::{BadFrame, FrameHeaders};
use crate::connection::socket::SocketWriter;
use crate::shard::{ConnectionKey, Shard};

/// Frames that a client may send though they ask for nothing: so many at once, and so many per ten seconds.
const NUISANCES: Rate = Rate::new(1_000, 10_000);

/// The reading half, and the shard that writes.
pub(crate) struct ReaderIo<R, W> {
    pub(crate) reader: R,
    headers: FrameHeaders,
    /// The frame at which reading ended.
    bad_frame: Option<BadFrame>,
    nuisances: TokenBucket,
    shard: Rc<Shard<W>>,
    key: ConnectionKey,
}

impl<R, W: SocketWriter> ReaderIo<R, W> {
    /// The stream of a connection whose messages may have so many bytes.
    pub(crate) fn new(
        reader: R,
        message_bytes_max: usize,
        (shard, key): (Rc<Shard<W>>, ConnectionKey),
    ) -> Self {
        let nuisances = TokenBucket::new(NUISANCES, shard.node.clock.now());
        let headers = FrameHeaders::new(message_bytes_max);
        Self { reader, headers, bad_frame: None, nuisances, shard, key }
    }

    /// Counts a frame that asks for nothing: a control frame, an empty fragment, or one that can't be read. Gives back
    /// whether the client may still send it.
    pub(crate) fn take_nuisance(&mut self) -> bool {
        self.nuisances.take(NUISANCES, self.shard.node.clock.now()).is_ok()
    }

    /// Looks over what came. Gives back how many of its bytes may be read; if a bad frame stands behind them, nothing
    /// is read after them.
    pub(crate) fn check(&mut self, came: &[u8]) -> usize {
        let (nuisances, clock) = (&mut self.nuisances, &self.shard.node.clock);
        let (good, bad_frame) = self.headers.pass(came, || nuisances.take(NUISANCES, clock.now()).is_ok());
        self.bad_frame = bad_frame;
        good
    }
}

impl<R: AsyncRead + Unpin, W: SocketWriter> AsyncRead for ReaderIo<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.bad_frame.is_none() {
            ready!(Pin::new(&mut self.reader).poll_read(context, buffer))?;
            let good = self.check(buffer.filled().get(before..).unwrap_or_default());
            buffer.set_filled(before + good);
        }
        // The frames before it are handled first: the error comes when nothing else does.
        match self.bad_frame {
            Some(bad) if buffer.filled().len() == before => Poll::Ready(Err(io::Error::other(bad))),
            _ => Poll::Ready(Ok(())),
        }
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
