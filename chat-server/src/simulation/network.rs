//! A network of byte pipes in memory: latency, chunks, full buffers, cuts, silence and partitions.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;

use super::chance::Chance;
use crate::connection::socket::SocketWriter;

/// How a link behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    /// Milliseconds that a chunk travels, at most.
    pub(super) latency_ms: usize,
    /// Bytes in a chunk, at most.
    pub(super) chunk: usize,
    /// Bytes that the server's socket holds for a client that doesn't read.
    pub(super) buffer: usize,
    /// Bytes after which the link breaks, if it does.
    pub(super) cut_after: Option<usize>,
}

/// A chunk that a link carries at once where the manners say nothing.
pub(super) const WHOLE: usize = 64 * 1024;

/// Bytes that a link carries in chunks that are smaller than that, at most.
const SMALL_CHUNKS_BYTES: usize = 3_000;

/// How a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Up,
    /// Nothing passes any more, and nobody is told.
    Silent,
    /// Both ends see an error.
    Reset,
}

#[derive(Default)]
struct Direction {
    sent: VecDeque<u8>,
    arrived: VecDeque<u8>,
    is_finished: bool,
    has_end_arrived: bool,
    is_read_by_nobody: bool,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

/// A connection between a client and a server.
pub(super) struct Link {
    manners: Cell<Manners>,
    chance: Chance,
    fate: Cell<Fate>,
    is_paused: Cell<bool>,
    up: RefCell<Direction>,
    down: RefCell<Direction>,
    moved: Cell<usize>,
    pumps: [Notify; 2],
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

impl Link {
    /// A link with its two pumps.
    pub(super) fn new(manners: Manners, chance: Chance) -> Rc<Self> {
        let link = Rc::new(Self {
            manners: Cell::new(manners),
            chance,
            fate: Cell::new(Fate::Up),
            is_paused: Cell::new(false),
            up: RefCell::default(),
            down: RefCell::default(),
            moved: Cell::new(0),
            pumps: [Notify::new(), Notify::new()],
        });
        for way in [Way::Up, Way::Down] {
            tokio::task::spawn_local(pump(Rc::clone(&link), way));
        }
        link
    }

    fn direction(&self, way: Way) -> &RefCell<Direction> {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }

    fn wake_pump(&self, way: Way) {
        self.pumps[usize::from(way == Way::Down)].notify_one();
    }

    fn wake_all(&self) {
        for way in [Way::Up, Way::Down] {
            let mut direction = self.direction(way).borrow_mut();
            direction.reader.take().into_iter().for_each(Waker::wake);
            direction.writers.drain(..).for_each(Waker::wake);
            drop(direction);
            self.wake_pump(way);
        }
    }

    /// Breaks the link: both ends see an error, and what was under way is lost.
    pub(super) fn reset(&self) {
        if self.fate.replace(Fate::Reset) != Fate::Reset {
            for way in [Way::Up, Way::Down] {
                let mut direction = self.direction(way).borrow_mut();
                direction.sent.clear();
                direction.arrived.clear();
            }
            self.wake_all();
        }
    }

    /// Makes the link half open: nothing passes, and nobody is told.
    pub(super) fn silence(&self) {
        if self.fate.get() == Fate::Up {
            self.fate.set(Fate::Silent);
        }
    }

    /// Holds everything up, or lets it through again.
    pub(super) fn pause(&self, is_paused: bool) {
        self.is_paused.set(is_paused);
        self.wake_all();
    }

    /// Changes how the link behaves from here on.
    pub(super) fn set_manners(&self, manners: Manners) {
        self.manners.set(manners);
        self.wake_all();
    }

    pub(super) fn is_up(&self) -> bool {
        self.fate.get() == Fate::Up
    }

    /// The client's bytes. Its own buffer has no limit, so that it never waits.
    pub(super) fn client_send(&self, bytes: &[u8]) {
        self.up.borrow_mut().sent.extend(bytes);
        self.wake_pump(Way::Up);
    }

    /// The client's end, behind what it sent.
    pub(super) fn client_finish(&self) {
        self.up.borrow_mut().is_finished = true;
        self.down.borrow_mut().is_read_by_nobody = true;
        self.wake_all();
    }

    /// What came for the client; empty at the end.
    pub(super) async fn client_read(&self) -> io::Result<Vec<u8>> {
        poll_fn(|context| self.poll_read(Way::Down, usize::MAX, context)).await
    }

    fn poll_read(&self, way: Way, most: usize, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        if self.fate.get() == Fate::Reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let mut direction = self.direction(way).borrow_mut();
        if direction.arrived.is_empty() && !direction.has_end_arrived {
            direction.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let taken = most.min(direction.arrived.len());
        let bytes = take_front(&mut direction.arrived, taken);
        drop(direction);
        self.wake_pump(way);
        Poll::Ready(Ok(bytes))
    }
}

/// Takes bytes off the front, in one piece: a copy byte by byte is what a debug build would spend its time with.
fn take_front(queue: &mut VecDeque<u8>, bytes: usize) -> Vec<u8> {
    let (first, second) = queue.as_slices();
    let mut taken = first[..bytes.min(first.len())].to_vec();
    taken.extend_from_slice(&second[..bytes - taken.len()]);
    queue.drain(..bytes);
    taken
}

/// Carries bytes one way, until the link is broken or ended.
async fn pump(link: Rc<Link>, way: Way) {
    loop {
        match link.fate.get() {
            Fate::Silent => return,
            Fate::Reset => return,
            Fate::Up => {}
        }
        let (waits, has_ended) = {
            let direction = link.direction(way).borrow();
            let has_room = direction.arrived.len() < link.manners.get().buffer || direction.is_read_by_nobody;
            let has_bytes = !direction.sent.is_empty() && has_room;
            let has_ended = direction.is_finished && direction.sent.is_empty();
            (link.is_paused.get() || !(has_bytes || has_ended), has_ended)
        };
        if waits {
            link.pumps[usize::from(way == Way::Down)].notified().await;
            continue;
        }
        let latency = link.chance.ms(link.manners.get().latency_ms);
        if latency.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(latency).await;
        }
        if link.fate.get() != Fate::Up || link.is_paused.get() {
            continue;
        }
        let mut direction = link.direction(way).borrow_mut();
        if has_ended {
            direction.has_end_arrived = true;
            direction.reader.take().into_iter().for_each(Waker::wake);
            return;
        }
        // Small chunks cost the most: a link is fed with them in the beginning only.
        let most = if link.moved.get() < SMALL_CHUNKS_BYTES { link.manners.get().chunk } else { WHOLE };
        let chunk = (1 + link.chance.below(most)).min(direction.sent.len());
        let bytes = take_front(&mut direction.sent, chunk);
        if !direction.is_read_by_nobody {
            direction.arrived.extend(&bytes);
        }
        direction.reader.take().into_iter().for_each(Waker::wake);
        direction.writers.drain(..).for_each(Waker::wake);
        drop(direction);
        link.moved.set(link.moved.get() + chunk);
        if link.manners.get().cut_after.is_some_and(|after| link.moved.get() >= after) {
            link.reset();
        }
    }
}

/// The server's reading half.
pub(super) struct ServerReader(pub(super) Rc<Link>);

impl AsyncRead for ServerReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.0.poll_read(Way::Up, buffer.remaining(), context);
        read.map_ok(|bytes| buffer.put_slice(&bytes))
    }
}

impl Drop for ServerReader {
    fn drop(&mut self) {
        self.0.up.borrow_mut().is_read_by_nobody = true;
        self.0.wake_pump(Way::Up);
    }
}

/// The server's writing half.
pub(super) struct ServerWriter(pub(super) Rc<Link>);

impl SocketWriter for ServerWriter {
    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.0.fate.get() == Fate::Reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let mut direction = self.0.down.borrow_mut();
        let room = self.0.manners.get().buffer.saturating_sub(direction.sent.len());
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let before = direction.sent.len();
        for slice in slices {
            let left = room - (direction.sent.len() - before);
            direction.sent.extend(&slice[..left.min(slice.len())]);
        }
        let written = direction.sent.len() - before;
        drop(direction);
        self.0.wake_pump(Way::Down);
        Ok(written)
    }

    fn finish(&self) {
        self.0.down.borrow_mut().is_finished = true;
        self.0.wake_pump(Way::Down);
    }

    fn writable(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|context| {
            if self.0.fate.get() == Fate::Reset {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let mut direction = self.0.down.borrow_mut();
            if direction.sent.len() < self.0.manners.get().buffer {
                return Poll::Ready(Ok(()));
            }
            direction.writers.push(context.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for ServerWriter {
    fn drop(&mut self) {
        self.finish();
    }
}
