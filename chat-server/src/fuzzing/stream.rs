//! A connection in memory: the server reads what the client sends, and the client takes what the server wrote.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::socket::{SocketWriter, Stream};

/// The client's end of a connection.
#[derive(Debug)]
pub struct Wire(Arc<Mutex<State>>);

/// The server's end of a connection, or a half of it.
#[derive(Debug)]
pub(crate) struct ServerEnd(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    sent: VecDeque<u8>,
    has_client_finished: bool,
    reader: Option<Waker>,
    written: Vec<u8>,
    has_server_finished: bool,
    /// Bytes that the socket still takes.
    room_bytes: usize,
    writers: Vec<Waker>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Both ends of a new connection, whose socket takes all that is written.
pub(super) fn connection() -> (Wire, ServerEnd) {
    let state = Arc::new(Mutex::new(State {
        sent: VecDeque::new(),
        has_client_finished: false,
        reader: None,
        written: Vec::new(),
        has_server_finished: false,
        room_bytes: usize::MAX,
        writers: Vec::new(),
    }));
    (Wire(Arc::clone(&state)), ServerEnd(state))
}

impl Wire {
    /// Sends bytes.
    pub fn send(&self, bytes: &[u8]) {
        let mut state = lock(&self.0);
        state.sent.extend(bytes);
        state.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Sends nothing more.
    pub fn finish(&self) {
        let mut state = lock(&self.0);
        state.has_client_finished = true;
        state.reader.take().into_iter().for_each(Waker::wake);
    }

    /// From now on the socket takes so many bytes, and blocks then.
    pub fn set_room(&self, bytes: usize) {
        let mut state = lock(&self.0);
        state.room_bytes = bytes;
        state.writers.drain(..).for_each(Waker::wake);
    }

    /// How many bytes the server wrote that were not taken.
    pub(super) fn written_bytes(&self) -> usize {
        lock(&self.0).written.len()
    }

    /// Forgets what the server wrote, and keeps the place for it.
    pub(super) fn forget_written(&self) {
        lock(&self.0).written.clear();
    }

    /// Takes what the server wrote since the last time.
    #[must_use]
    pub fn take_written(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.0).written)
    }

    /// Whether the server has let the connection go.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl State {
    /// Takes as much as there is room for. `None` if there is none.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> Option<usize> {
        if self.room_bytes == 0 {
            return None;
        }
        let before = self.written.len();
        for slice in slices {
            let taken = slice.len().min(self.room_bytes);
            self.written.extend(slice.iter().take(taken));
            self.room_bytes -= taken;
        }
        Some(self.written.len() - before)
    }
}

impl Stream for ServerEnd {
    type Reader = Self;
    type Writer = Self;

    fn write_once(&self, bytes: &[u8]) {
        lock(&self.0).write(&[IoSlice::new(bytes)]);
    }

    fn into_halves(self) -> (Self, Self) {
        let other = Self(Arc::clone(&self.0));
        (self, other)
    }
}

impl SocketWriter for ServerEnd {
    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        lock(&self.0).write(slices).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn finish(&self) {
        lock(&self.0).has_server_finished = true;
    }

    fn writable(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|context| {
            let mut state = lock(&self.0);
            if state.room_bytes > 0 {
                return Poll::Ready(Ok(()));
            }
            state.writers.push(context.waker().clone());
            Poll::Pending
        })
    }
}

impl AsyncRead for ServerEnd {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        if state.sent.is_empty() && !state.has_client_finished {
            state.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let taken = buffer.remaining().min(state.sent.len());
        let bytes: Vec<u8> = state.sent.drain(..taken).collect();
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ServerEnd {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.0);
        match state.write(&[IoSlice::new(bytes)]) {
            Some(written) => Poll::Ready(Ok(written)),
            None => {
                state.writers.push(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).has_server_finished = true;
        Poll::Ready(Ok(()))
    }
}
