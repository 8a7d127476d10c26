//! Threads for work that blocks, with a bounded queue in front.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

/// A fixed number of threads and a queue. Dropping it lets the queued jobs run, and then the threads end; it doesn't
/// wait for them.
#[derive(Debug)]
pub struct WorkerPool {
    queue: Arc<Queue>,
    queue_max: usize,
}

/// The queue is at its limit: try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{queue_max} jobs are waiting, which is the limit")]
pub struct QueueFull {
    /// The limit.
    pub queue_max: usize,
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    is_closed: bool,
    /// Threads that run. Without any, nothing may be queued.
    threads: usize,
}

impl WorkerPool {
    /// Starts `threads` threads, at least one, whose names begin with `name`. At most `queue_max` jobs wait.
    #[must_use]
    pub fn new(name: &str, threads: usize, queue_max: usize) -> Self {
        let queue = Arc::new(Queue::default());
        for number in 0..threads.max(1) {
            let theirs = Arc::clone(&queue);
            queue.lock().threads += 1;
            let started =
                std::thread::Builder::new().name(format!("{name}-{number}")).spawn(move || theirs.work());
            if let Err(error) = started {
                queue.lock().threads -= 1;
                tracing::error!(%error, name, "a worker thread could not be started");
            }
        }
        Self { queue, queue_max }
    }

    /// Queues a job. One that panics is logged and harms no other.
    ///
    /// # Errors
    /// [`QueueFull`] if as many jobs wait as may.
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), QueueFull> {
        let mut state = self.queue.lock();
        if state.jobs.len() >= self.queue_max || state.threads == 0 {
            return Err(QueueFull { queue_max: self.queue_max });
        }
        state.jobs.push_back(Box::new(job));
        drop(state);
        self.queue.changed.notify_one();
        Ok(())
    }

    /// How many jobs wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.lock().jobs.len()
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.changed.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each thread does.
    fn work(&self) {
        while let Some(job) = self.next() {
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job panicked");
            }
        }
    }

    /// Waits for a job; `None` once the pool is dropped and the queue is empty.
    fn next(&self) -> Option<Job> {
        let mut state = self
            .changed
            .wait_while(self.lock(), |state| state.jobs.is_empty() && !state.is_closed)
            .unwrap_or_else(PoisonError::into_inner);
        state.jobs.pop_front()
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("queued", &self.lock().jobs.len()).finish_non_exhaustive()
    }
}
