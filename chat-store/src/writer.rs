//! The batching writer: one thread that commits all that waits in one transaction, without a timer.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use chat_domain::{Command, Timestamp};

use crate::commit::{Completed, commit};
use crate::store::Store;

/// A thread that commits durable commands in groups, in the order in which they came.
///
/// It writes over a connection of its own, which is opened anew after a failure. Dropping the writer stops it without
/// waiting; [`Writer::stop`] waits.
pub struct Writer<T> {
    queue: Arc<Queue<T>>,
    thread: Option<JoinHandle<()>>,
}

/// The limits of a writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterOptions {
    /// Commands that wait, at most.
    pub queue_max: usize,
    /// Commands in one transaction, at most.
    pub batch_max: usize,
    /// Bytes of message bodies in one transaction, at most; one command always fits.
    pub batch_bytes_max: usize,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { queue_max: 4_096, batch_max: 1_024, batch_bytes_max: 512 * 1024 }
    }
}

/// What the writer tells of each batch, on its own thread.
pub trait CommitSink<T>: Send + 'static {
    /// A batch is taken and about to be committed.
    fn beginning(&mut self) {}

    /// A batch is committed, or has failed; its results say which. `now` is when its rows were stored.
    fn committed(&mut self, batch: Vec<Completed<T>>, now: Timestamp);

    /// Called before the next batch is taken: blocks until the last one is written out, so that more commands meet in
    /// one transaction.
    fn wait_for_credit(&mut self) {}
}

/// A command that the writer didn't take. Gives the ticket back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused<T> {
    /// As many commands wait as may.
    Full(T),
    /// The writer was stopped.
    Stopped(T),
}

impl<T> Refused<T> {
    /// The ticket.
    pub fn into_ticket(self) -> T {
        match self {
            Self::Full(ticket) | Self::Stopped(ticket) => ticket,
        }
    }
}

impl<T: Send + 'static> Writer<T> {
    /// Starts the thread. `clock` says when a batch is stored.
    ///
    /// # Errors
    /// If the system starts no thread.
    pub fn start(
        store: Store,
        options: WriterOptions,
        clock: impl FnMut() -> Timestamp + Send + 'static,
        sink: impl CommitSink<T>,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(options));
        let store = store.with_own_lane();
        let theirs = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("chat-writer".to_owned())
            .spawn(move || write_batches(&theirs, &store, clock, sink))?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Queues a command.
    ///
    /// # Errors
    /// [`Refused`] if the queue is full or the writer stopped.
    pub fn submit(&self, command: Command, ticket: T) -> Result<(), Refused<T>> {
        self.queue.push(command, ticket)
    }

    /// How many commands wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.lock().waiting.len()
    }

    /// Commits all that is queued, tells the sink, and ends.
    pub fn stop(mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer panicked");
        }
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl<T> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("queued", &self.queue.lock().waiting.len()).finish_non_exhaustive()
    }
}

fn write_batches<T>(
    queue: &Queue<T>,
    store: &Store,
    mut clock: impl FnMut() -> Timestamp,
    mut sink: impl CommitSink<T>,
) {
    // Whatever ends this thread, nobody shall wait in a queue that nothing empties.
    let _closed_at_the_end = CloseAtTheEnd(queue);
    loop {
        sink.wait_for_credit();
        let Some(batch) = queue.take_batch() else { return };
        sink.beginning();
        let now = clock();
        let completed = commit(store, now, batch);
        sink.committed(completed, now);
    }
}

struct CloseAtTheEnd<'q, T>(&'q Queue<T>);

impl<T> Drop for CloseAtTheEnd<'_, T> {
    fn drop(&mut self) {
        self.0.close();
        self.0.lock().waiting.clear();
    }
}

struct Queue<T> {
    options: WriterOptions,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: VecDeque<(Command, T)>,
    is_closed: bool,
}

impl<T> Queue<T> {
    fn new(options: WriterOptions) -> Self {
        let state = State { waiting: VecDeque::new(), is_closed: false };
        Self { options, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, command: Command, ticket: T) -> Result<(), Refused<T>> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Refused::Stopped(ticket));
        }
        if state.waiting.len() >= self.options.queue_max {
            return Err(Refused::Full(ticket));
        }
        // A wake-up is a system call, whether or not somebody sleeps; the writer sleeps only if nothing waits.
        let was_empty = state.waiting.is_empty();
        state.waiting.push_back((command, ticket));
        drop(state);
        if was_empty {
            self.changed.notify_one();
        }
        Ok(())
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits until something is queued and takes all of it, up to a batch; `None` once closed and empty.
    fn take_batch(&self) -> Option<Vec<(Command, T)>> {
        let mut state = self
            .changed
            .wait_while(self.lock(), |state| state.waiting.is_empty() && !state.is_closed)
            .unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        let taken = state
            .waiting
            .iter()
            .take(self.options.batch_max.max(1))
            .enumerate()
            .take_while(|(place, (command, _))| {
                bytes += body_bytes(command);
                *place == 0 || bytes <= self.options.batch_bytes_max
            })
            .count();
        (taken > 0).then(|| state.waiting.drain(..taken).collect())
    }
}

fn body_bytes(command: &Command) -> usize {
    match command {
        Command::SendMessage(send) => send.body.as_str().len(),
        _ => 0,
    }
}
