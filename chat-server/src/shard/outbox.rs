//! What waits to be written to one connection, bounded in bytes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::iter;

use bytes::{Buf, Bytes};

use crate::connection::socket::SocketWriter;

/// Bytes of live events that may wait for one connection; a reader that lets more gather is slow and is closed.
pub(crate) const OUTBOX_BYTES_MAX: usize = 256 * 1024;
/// Bytes above which ephemeral events are dropped.
pub(crate) const EPHEMERAL_BYTES_MAX: usize = 64 * 1024;
/// Bytes above which the server stops reading a connection, so that answers wait for room.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;
/// Frames in one system call.
const FRAMES_PER_WRITE: usize = 64;

/// Whether everything was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Nothing waits any more.
    All,
    /// The socket is full.
    Blocked,
}

/// The frames that wait, the first of them perhaps half sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// In here and not in the queue, for mostly one frame waits: to deliver it takes nothing from the allocator.
    first: Option<Queued>,
    /// What waits behind the first one.
    more: VecDeque<Queued>,
    bytes: usize,
    live_bytes: usize,
    is_first_half_sent: bool,
}

#[derive(Debug)]
struct Queued {
    bytes: Bytes,
    is_live: bool,
}

impl Outbox {
    /// How many bytes wait.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes of live events wait.
    #[cfg(test)]
    pub(crate) const fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    /// Queues an answer, or what else must reach the client.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.queue(Queued { bytes, is_live: false });
    }

    /// Queues live events. `false` if the client lets too many of them gather; answers don't count for that.
    pub(crate) fn push_live(&mut self, bytes: Bytes) -> bool {
        if self.live_bytes + bytes.len() > OUTBOX_BYTES_MAX {
            return false;
        }
        self.bytes += bytes.len();
        self.live_bytes += bytes.len();
        self.queue(Queued { bytes, is_live: true });
        true
    }

    fn queue(&mut self, queued: Queued) {
        if self.first.is_none() {
            self.first = Some(queued);
        } else {
            self.more.push_back(queued);
        }
    }

    /// Drops what waits, but for what is half sent: a cut frame would break the stream.
    pub(crate) fn drop_unsent(&mut self) {
        self.more.clear();
        self.first = self.first.take().filter(|_| self.is_first_half_sent);
        let bytes_of = |queued: Option<&Queued>| queued.map_or(0, |queued| queued.bytes.len());
        self.bytes = bytes_of(self.first.as_ref());
        self.live_bytes = bytes_of(self.first.as_ref().filter(|queued| queued.is_live));
    }

    /// Writes as much as the socket takes: one system call, unless that takes all of it and more waits.
    pub(crate) fn write_to(&mut self, socket: &impl SocketWriter) -> io::Result<Written> {
        while let Some(first) = &self.first {
            let written = if self.more.is_empty() {
                socket.try_write(&first.bytes)
            } else {
                let mut slices = [IoSlice::new(&[]); FRAMES_PER_WRITE];
                let filled = slices
                    .iter_mut()
                    .zip(iter::once(first).chain(&self.more))
                    .map(|(slice, queued)| *slice = IoSlice::new(&queued.bytes))
                    .count();
                socket.try_write_vectored(slices.get(..filled).unwrap_or(&[]))
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Written::Blocked),
                Err(error) => return Err(error),
            }
        }
        // An empty queue of a connection that was busy once keeps nothing.
        self.more = VecDeque::new();
        Ok(Written::All)
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes = self.bytes.saturating_sub(written);
        while let Some(queued) = &mut self.first {
            let taken = written.min(queued.bytes.len());
            if queued.is_live {
                self.live_bytes = self.live_bytes.saturating_sub(taken);
            }
            if taken < queued.bytes.len() {
                queued.bytes.advance(taken);
                self.is_first_half_sent |= taken > 0;
                return;
            }
            written -= taken;
            self.first = self.more.pop_front();
            self.is_first_half_sent = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// A socket that takes so many bytes and is then full.
    struct Taking(RefCell<(usize, Vec<u8>)>);

    impl SocketWriter for Taking {
        fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let (room, taken) = &mut *self.0.borrow_mut();
            if *room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(*room).collect();
            *room -= bytes.len();
            taken.extend_from_slice(&bytes);
            Ok(bytes.len())
        }

        fn finish(&self) {}

        async fn writable(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_half_sent_is_finished_and_the_rest_can_be_dropped() {
        let mut outbox = Outbox::default();
        for frame in ["aaaa", "bbbb", "cccc"] {
            outbox.push(Bytes::from_static(frame.as_bytes()));
        }
        let socket = Taking(RefCell::new((6, Vec::new())));
        assert_eq!(outbox.write_to(&socket).unwrap(), Written::Blocked);
        assert_eq!(outbox.bytes(), 6);
        outbox.drop_unsent();
        assert_eq!(outbox.bytes(), 2);
        outbox.push(Bytes::from_static(b"end"));
        socket.0.borrow_mut().0 = 100;
        assert_eq!(outbox.write_to(&socket).unwrap(), Written::All);
        assert_eq!(socket.0.borrow().1, b"aaaabbbbend");
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn only_live_events_make_a_reader_slow() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from(vec![0; OUTBOX_BYTES_MAX]));
        assert!(outbox.push_live(Bytes::from(vec![0; OUTBOX_BYTES_MAX])));
        assert!(!outbox.push_live(Bytes::from_static(b"x")));
        let socket = Taking(RefCell::new((OUTBOX_BYTES_MAX + 1, Vec::new())));
        assert_eq!(outbox.write_to(&socket).unwrap(), Written::Blocked);
        assert!(outbox.push_live(Bytes::from_static(b"x")), "one byte was taken");
    }
}
