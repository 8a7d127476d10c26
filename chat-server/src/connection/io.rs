//! The stream that the WebSocket library sees: it reads the socket, and what it writes joins the backlog.
//!
//! The library writes control frames only. Were they written past the backlog, they could cut a half-sent frame.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::socket::SocketWriter;
use crate::shard::{ConnectionKey, Shard};

/// The reading half, and the shard that writes.
pub(crate) struct ReaderIo<R, W> {
    pub(crate) reader: R,
    pub(crate) shard: Rc<Shard<W>>,
    pub(crate) key: ConnectionKey,
}

impl<R: AsyncRead + Unpin, W: SocketWriter> AsyncRead for ReaderIo<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(context, buffer)
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
