//! What the dispatcher needs of a socket. A real one is a TCP stream; a simulation has its own.

use std::future::Future;
use std::io::{self, IoSlice};

use tokio::net::tcp::OwnedWriteHalf;

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
