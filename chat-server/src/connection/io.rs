//! The stream that the WebSocket library sees: it reads the socket as far as the frames are good, and what it writes
//! joins the backlog.
//!
//! The library keeps its read buffer while a connection is idle, so it gets a small one; the socket is read into one
//! that all connections of a shard share, and what the small one doesn't take waits here.
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
    /// Good bytes that the library has not taken yet.
    unread: Bytes,
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
        Self { reader, unread: Bytes::new(), headers, bad_frame: None, nuisances, shard, key }
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
        let this = &mut *self;
        if this.unread.is_empty() {
            // The frames before a bad one are handled first: the error comes when nothing else does.
            if let Some(bad) = this.bad_frame {
                return Poll::Ready(Err(io::Error::other(bad)));
            }
            let shard = Rc::clone(&this.shard);
            let mut scratch = shard.read_buffer.borrow_mut();
            let mut came = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut this.reader).poll_read(context, &mut came))?;
            let good = this.check(came.filled());
            let came = came.filled().get(..good).unwrap_or_default();
            if let (true, Some(bad)) = (came.is_empty(), this.bad_frame) {
                return Poll::Ready(Err(io::Error::other(bad)));
            }
            let (now, later) = came.split_at(buffer.remaining().min(came.len()));
            buffer.put_slice(now);
            this.unread = Bytes::copy_from_slice(later);
        } else {
            let now = this.unread.split_to(buffer.remaining().min(this.unread.len()));
            buffer.put_slice(&now);
        }
        Poll::Ready(Ok(()))
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
