//! The batching writer: one thread that commits all that waits in one transaction, without a timer.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use chat_domain::{Command, RoomId, Timestamp};

use crate::checkpointer::Checkpointer;
use crate::commit::{Completed, commit};
use crate::credit::{Audience, Credit, Gate, Lender, Outstanding};
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

    /// A batch is committed, or has failed; its results say which. `now` is when its rows were stored. The next batch is
    /// taken when the shares of `credit` are dropped, so that more commands meet in one transaction.
    fn committed(&mut self, batch: Vec<Completed<T>>, now: Timestamp, credit: Credit);
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
    /// Starts the thread. `clock` says when a batch is stored, `audience` how many hear of a room.
    ///
    /// # Errors
    /// If the system starts no thread.
    pub fn start(
        store: Store,
        options: WriterOptions,
        clock: impl FnMut() -> Timestamp + Send + 'static,
        audience: impl Fn(RoomId) -> Audience + Send + Sync + 'static,
        sink: impl CommitSink<T>,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(options, Box::new(audience)));
        let store = store.with_own_lane();
        let theirs = Arc::clone(&queue);
        let checkpointer = Checkpointer::start(&store)?;
        let thread = std::thread::Builder::new()
            .name("chat-writer".to_owned())
            .spawn(move || write_batches(&theirs, &store, checkpointer, clock, sink))?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Queues a command.
    ///
    /// # Errors
    /// [`Refused`] if the queue is full or the writer stopped.
    pub fn submit(&self, command: Command, ticket: T) -> Result<(), Refused<T>> {
        self.queue.push(command, ticket)
    }

    /// Whether something may be committed for which the writer was woken, and which it has not taken yet.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.queue.is_due.load(Ordering::Relaxed)
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

fn write_batches<T: Send + 'static>(
    queue: &Arc<Queue<T>>,
    store: &Store,
    mut checkpointer: Checkpointer,
    mut clock: impl FnMut() -> Timestamp,
    mut sink: impl CommitSink<T>,
) {
    // Whatever ends this thread, nobody shall wait in a queue that nothing empties.
    let _closed_at_the_end = CloseAtTheEnd(queue);
    for number in 0.. {
        let Some(batch) = queue.take_batch() else { return };
        sink.beginning();
        let now = clock();
        let completed = commit(store, now, batch);
        sink.committed(completed, now, Credit::new(queue, number));
        checkpointer.committed();
    }
}

struct CloseAtTheEnd<'q, T>(&'q Queue<T>);

impl<T> Drop for CloseAtTheEnd<'_, T> {
    fn drop(&mut self) {
        self.0.close();
        self.0.lock().waiting.clear();
    }
}

type AudienceOf = Box<dyn Fn(RoomId) -> Audience + Send + Sync>;

struct Queue<T> {
    options: WriterOptions,
    audience: AudienceOf,
    state: Mutex<State<T>>,
    changed: Condvar,
    /// See [`Writer::is_due`].
    is_due: AtomicBool,
}

struct State<T> {
    waiting: VecDeque<(Command, T)>,
    /// What of the last batches is not written out yet.
    outstanding: Outstanding,
    is_closed: bool,
}

/// How long the writer waits for credit that nobody gives back. Reached only if somebody is stuck: commits go on.
const STUCK: Duration = Duration::from_secs(1);

impl<T> Queue<T> {
    fn new(options: WriterOptions, audience: AudienceOf) -> Self {
        let outstanding = Outstanding::default();
        let state = State { waiting: VecDeque::new(), outstanding, is_closed: false };
        Self {
            options,
            audience,
            state: Mutex::new(state),
            changed: Condvar::new(),
            is_due: AtomicBool::new(false),
        }
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
        let before = state.gate();
        let was_empty = state.waiting.is_empty();
        let is_for_few = before == Gate::OpenForFew && self.is_for_few(&command);
        state.waiting.push_back((command, ticket));
        // A wake-up is a system call, whether or not somebody sleeps; the writer sleeps if nothing waits, or nothing
        // that may be committed yet.
        let is_expected = match state.gate() {
            Gate::Open => was_empty || before != Gate::Open,
            Gate::OpenForFew => is_for_few,
            Gate::Shut => false,
        };
        if is_expected {
            self.is_due.store(true, Ordering::Relaxed);
        }
        drop(state);
        if is_expected {
            self.changed.notify_one();
        }
        Ok(())
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits until something is queued that may be committed and takes all of it, up to a batch; `None` once closed
    /// and empty.
    fn take_batch(&self) -> Option<Vec<(Command, T)>> {
        let mut state = self.lock();
        loop {
            let batch = self.take(&mut state);
            if !batch.is_empty() {
                self.is_due.store(false, Ordering::Relaxed);
                return Some(batch);
            }
            if state.is_closed {
                return None;
            }
            if state.gate() == Gate::Open {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                let waited = self.changed.wait_timeout(state, STUCK);
                let (mut held, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                // Credit that came back while nothing waited woke nobody.
                if timeout.timed_out() && held.gate() != Gate::Open {
                    tracing::warn!("a batch was not written out in time");
                    held.outstanding = Outstanding::default();
                }
                state = held;
            }
        }
    }

    fn is_for_few(&self, command: &Command) -> bool {
        command.room_id().is_none_or(|id| (self.audience)(id) == Audience::Few)
    }

    /// Takes a batch of what may be committed, in the order in which it came.
    fn take(&self, state: &mut State<T>) -> Vec<(Command, T)> {
        // At the end those who give credit back may be gone, and what waits is only to be stored.
        let gate = if state.is_closed { Gate::Open } else { state.gate() };
        let (mut bytes, mut count, mut is_full) = (0, 0, false);
        let mut fits = |command: &Command| {
            bytes += body_bytes(command);
            is_full |=
                count >= self.options.batch_max.max(1) || (count > 0 && bytes > self.options.batch_bytes_max);
            count += usize::from(!is_full);
            !is_full
        };
        match gate {
            Gate::Open => {
                let taken = state.waiting.iter().take_while(|(command, _)| fits(command)).count();
                state.waiting.drain(..taken).collect()
            }
            Gate::Shut => Vec::new(),
            Gate::OpenForFew => {
                // A room is asked for once, so that its commands stay in their order.
                let mut audiences = HashMap::new();
                let mut is_for_few = |command: &Command| {
                    let of = |id| *audiences.entry(id).or_insert_with(|| (self.audience)(id));
                    command.room_id().map(of) != Some(Audience::Many)
                };
                let (batch, rest) = std::mem::take(&mut state.waiting)
                    .into_iter()
                    .partition(|(command, _)| is_for_few(command) && fits(command));
                state.waiting = VecDeque::from(rest);
                batch
            }
        }
    }
}

impl<T> State<T> {
    fn gate(&self) -> Gate {
        self.outstanding.gate(self.waiting.len())
    }
}

impl<T: Send + 'static> Lender for Queue<T> {
    fn lend(&self, batch: u64, audience: Audience) {
        self.lock().outstanding.add(batch, audience);
    }

    fn take_back(&self, batch: u64, audience: Audience) {
        let mut state = self.lock();
        let before = state.gate();
        state.outstanding.remove(batch, audience);
        let is_expected = state.gate() != before && !state.waiting.is_empty();
        drop(state);
        if is_expected {
            self.changed.notify_one();
        }
    }
}

fn body_bytes(command: &Command) -> usize {
    match command {
        Command::SendMessage(send) => send.body.as_str().len(),
        _ => 0,
    }
}
