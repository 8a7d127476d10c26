//! The worker pool: bounded, and not ended by a job.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use chat_store::{QueueFull, WorkerPool};

const DEADLINE: Duration = Duration::from_secs(10);

/// A pool of one thread that is busy until the receiver's other end is dropped.
fn busy_pool(queue_max: usize) -> (WorkerPool, std::sync::mpsc::SyncSender<()>) {
    let pool = WorkerPool::new("test", 1, queue_max);
    let (release, wait) = sync_channel::<()>(1);
    let (started, is_started) = sync_channel(1);
    pool.submit(move || {
        started.send(()).unwrap();
        let _ = wait.recv_timeout(DEADLINE);
    })
    .unwrap();
    is_started.recv_timeout(DEADLINE).unwrap();
    (pool, release)
}

fn submit(pool: &WorkerPool, number: u32) -> (Result<(), QueueFull>, Receiver<u32>) {
    let (done, is_done) = sync_channel(1);
    (pool.submit(move || done.send(number).unwrap()), is_done)
}

#[test]
fn a_full_queue_refuses_at_once() {
    let (pool, release) = busy_pool(2);
    let (first, first_done) = submit(&pool, 1);
    let (second, second_done) = submit(&pool, 2);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(pool.queued(), 2);
    assert_eq!(submit(&pool, 3).0, Err(QueueFull { queue_max: 2 }));
    drop(release);
    assert_eq!(first_done.recv_timeout(DEADLINE), Ok(1));
    assert_eq!(second_done.recv_timeout(DEADLINE), Ok(2));
}

#[test]
fn a_panicking_job_harms_no_other() {
    let pool = WorkerPool::new("test", 1, 4);
    pool.submit(|| panic!("on purpose")).unwrap();
    assert_eq!(submit(&pool, 1).1.recv_timeout(DEADLINE), Ok(1));
}

#[test]
fn a_dropped_pool_still_runs_what_is_queued() {
    let (pool, release) = busy_pool(4);
    let (_, done) = submit(&pool, 1);
    drop(pool);
    drop(release);
    assert_eq!(done.recv_timeout(DEADLINE), Ok(1));
    assert!(done.recv_timeout(DEADLINE).is_err(), "the thread is gone and with it the sender");
}
