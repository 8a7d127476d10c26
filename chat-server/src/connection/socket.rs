//! What the server needs of a connection's stream, and the dispatcher of its writing half. A real one is a TCP stream;
//! what runs without a network has its own.

use std::future::Future;
use std::io::{self, IoSlice};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// The stream of a connection: HTTP comes on it, and a WebSocket may be made of it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// The half that the reader task reads.
    type Reader: AsyncRead + Unpin + 'static;
    /// The half that the dispatcher writes to.
    type Writer: SocketWriter;

    /// Writes what fits without waiting, for whoever gets nothing further.
    fn write_once(&self, bytes: &[u8]);

    /// Its two halves.
    fn into_halves(self) -> (Self::Reader, Self::Writer);
}

impl Stream for TcpStream {
    type Reader = OwnedReadHalf;
    type Writer = OwnedWriteHalf;

    fn write_once(&self, bytes: &[u8]) {
        let _ = self.try_write(bytes);
    }

    fn into_halves(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.into_split()
    }
}

/// The writing half of a socket.
pub(crate) trait SocketWriter: 'static {
    /// Writes some bytes without waiting.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write_vectored(&[IoSlice::new(bytes)])
    }

    /// Writes some of the slices without waiting.
    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Says that nothing more will be written, so that the client sees the end.
    fn finish(&self);

    /// Waits until the socket may take something again.
    fn writable(&self) -> impl Future<Output = io::Result<()>>;
}

impl SocketWriter for OwnedWriteHalf {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }

    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Self::try_write_vectored(self, slices)
    }

    fn finish(&self) {
        // One that is gone already needs no end.
        let _ = socket2::SockRef::from(self.as_ref()).shutdown(std::net::Shutdown::Write);
    }

    async fn writable(&self) -> io::Result<()> {
        Self::writable(self).await
    }
}
