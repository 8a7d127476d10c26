//! Joins of the same room that wait share one read, as messages share a commit.
//!
//! Whoever joins is subscribed first and then waits here. A group is closed before its snapshot begins, so that nobody
//! is answered from one that is older than their subscription; in it everybody's own right is looked at. While no
//! reader is free the groups grow, and messages that have not changed since the last group are not read again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_domain::{
    AccessError, KeptPages, Repository, RepositoryError, RoomId, RoomReader, RoomSnapshot, read_room_together,
};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::node::Node;
use crate::node::metrics::StoreRead;
use crate::store_access::SnapshotWork;

/// Joins of a room that may wait for one read, at most; one more is answered with `overloaded`.
const WAITING_MAX: usize = 4_096;

/// Rooms whose last pages are kept, at most; with one more all are read afresh. With four pages of 32 KiB each, all of
/// them take 16 MiB at most.
const ROOMS_KEPT_MAX: usize = 128;

/// The joins that wait, and the pages that were read last.
#[derive(Default)]
pub(crate) struct RoomReads {
    /// By room. A room that is here has a read in the queue.
    waiting: Mutex<HashMap<RoomId, Vec<Waiting>>>,
    kept: Mutex<HashMap<RoomId, KeptPages>>,
}

struct Waiting {
    reader: RoomReader,
    answer: oneshot::Sender<Result<Arc<RoomSnapshot>, Failure>>,
}

impl Node {
    /// Reads what a member sees of a room, together with others who wait for the same room.
    pub(crate) async fn read_room(
        &self,
        room_id: RoomId,
        reader: RoomReader,
    ) -> Result<Arc<RoomSnapshot>, Failure> {
        let (answer, answered) = oneshot::channel();
        if self.room_reads.add(room_id, Waiting { reader, answer })? {
            let groups = Arc::clone(&self.room_reads);
            let queued = self.store().and_then(|store| store.read(Box::new(move || groups.close(room_id))));
            match queued {
                Ok(()) => self.metrics.store_read(StoreRead::Room),
                // Others may have come to wait for it meanwhile.
                Err(failure) => self.room_reads.take(room_id).into_iter().for_each(|waiting| {
                    let _ = waiting.answer.send(Err(failure.clone()));
                }),
            }
        }
        self.within_timeout(answered).await?
    }
}

impl RoomReads {
    fn waiting(&self) -> MutexGuard<'_, HashMap<RoomId, Vec<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<RoomId, KeptPages>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a join wait. Says whether it is the first one of its room, for which a read must be queued.
    fn add(&self, room_id: RoomId, waiting: Waiting) -> Result<bool, Failure> {
        match self.waiting().entry(room_id) {
            Entry::Occupied(group) if group.get().len() >= WAITING_MAX => Err(Failure::overloaded()),
            Entry::Occupied(mut group) => {
                group.get_mut().push(waiting);
                Ok(false)
            }
            Entry::Vacant(vacant) => {
                vacant.insert(vec![waiting]);
                Ok(true)
            }
        }
    }

    fn take(&self, room_id: RoomId) -> Vec<Waiting> {
        self.waiting().remove(&room_id).unwrap_or_default()
    }

    /// Closes a room's group: whoever comes from here on waits for the next snapshot. `None` if nobody waits any more.
    fn close(self: Arc<Self>, room_id: RoomId) -> Option<SnapshotWork> {
        let mut group = self.take(room_id);
        group.retain(|waiting| !waiting.answer.is_closed());
        if group.is_empty() {
            return None;
        }
        Some(Box::new(move |repository| self.answer(room_id, group, repository)))
    }

    /// Reads for a group, and answers each of it.
    fn answer(
        &self,
        room_id: RoomId,
        group: Vec<Waiting>,
        repository: Result<&mut dyn Repository, RepositoryError>,
    ) {
        let (readers, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|waiting| (waiting.reader, waiting.answer)).unzip();
        let mut kept = self.kept().remove(&room_id).unwrap_or_default();
        let read = repository
            .and_then(|repository| read_room_together(repository, room_id, &readers, &mut kept))
            .map_err(Failure::from);
        match read {
            Ok(read) => {
                self.keep(room_id, kept);
                for (answer, read) in answers.into_iter().zip(read) {
                    let _ = answer.send(read.map_err(|error: AccessError| error.into()));
                }
            }
            Err(failure) => answers.into_iter().for_each(|answer| {
                let _ = answer.send(Err(failure.clone()));
            }),
        }
    }

    fn keep(&self, room_id: RoomId, pages: KeptPages) {
        let mut kept = self.kept();
        if kept.len() >= ROOMS_KEPT_MAX {
            kept.clear();
        }
        kept.insert(room_id, pages);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use chat_domain::{Command, MemoryRepository, UserId};
    use chat_protocol::ErrorCode;

    use super::*;
    use crate::defect::node_on;
    use crate::node::metrics::Waiting as Queued;
    use crate::store_access::{ReadWork, StoreAccess, Ticket};

    const GENERAL: RoomId = RoomId::new(1);
    const OTHER: RoomId = RoomId::new(2);

    /// A store whose reads wait until somebody runs them, if it takes them at all.
    #[derive(Clone, Default)]
    struct Queue {
        reads: Arc<Mutex<Vec<ReadWork>>>,
        is_full: bool,
    }

    impl StoreAccess for Queue {
        fn submit(&self, _: Command, _: Ticket) -> Result<(), Failure> {
            Err(Failure::overloaded())
        }

        fn read(&self, work: ReadWork) -> Result<(), Failure> {
            if self.is_full {
                return Err(Failure::overloaded());
            }
            self.reads.lock().unwrap().push(work);
            Ok(())
        }

        fn waiting(&self) -> Queued {
            Queued::default()
        }

        fn stop(&self) {}
    }

    impl Queue {
        fn next(&self) -> ReadWork {
            self.reads.lock().unwrap().remove(0)
        }

        fn len(&self) -> usize {
            self.reads.lock().unwrap().len()
        }
    }

    fn reader(user_id: i64) -> RoomReader {
        RoomReader { user_id: UserId::new(user_id), position: None }
    }

    /// Runs what is to be done in the snapshot, in an empty store: everybody is told that there is no such room.
    fn run(work: SnapshotWork) {
        work(Ok(&mut MemoryRepository::new("epoch")));
    }

    fn code(read: Poll<Result<Arc<RoomSnapshot>, Failure>>) -> Option<ErrorCode> {
        match read {
            Poll::Ready(Err(failure)) => Some(failure.code),
            Poll::Ready(Ok(_)) => panic!("there is no room"),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn joins_of_a_room_share_a_read_until_its_snapshot_begins() {
        let queue = Queue::default();
        let node = node_on(Box::new(queue.clone()));
        let context = &mut Context::from_waker(Waker::noop());
        let mut first = pin!(node.read_room(GENERAL, reader(1)));
        let mut second = pin!(node.read_room(GENERAL, reader(2)));
        let mut elsewhere = pin!(node.read_room(OTHER, reader(1)));
        for read in [&mut first, &mut second] {
            assert_eq!(code(read.as_mut().poll(context)), None);
        }
        assert_eq!(code(elsewhere.as_mut().poll(context)), None);
        assert_eq!(queue.len(), 2, "one for each room");

        let in_snapshot = queue.next()().unwrap();
        // Whoever comes now may be subscribed later than the snapshot begins.
        let mut late = pin!(node.read_room(GENERAL, reader(3)));
        assert_eq!(code(late.as_mut().poll(context)), None);
        assert_eq!(queue.len(), 2, "and one for the next snapshot");
        run(in_snapshot);
        for read in [&mut first, &mut second] {
            assert_eq!(code(read.as_mut().poll(context)), Some(ErrorCode::UnknownRoom));
        }
        assert_eq!(code(late.as_mut().poll(context)), None);
        run(queue.next()().unwrap());
        run(queue.next()().unwrap());
        assert_eq!(code(late.as_mut().poll(context)), Some(ErrorCode::UnknownRoom));
        assert_eq!(code(elsewhere.as_mut().poll(context)), Some(ErrorCode::UnknownRoom));
    }

    #[tokio::test]
    async fn nothing_is_read_for_those_who_are_gone() {
        let queue = Queue::default();
        let node = node_on(Box::new(queue.clone()));
        let context = &mut Context::from_waker(Waker::noop());
        {
            let mut gone = pin!(node.read_room(GENERAL, reader(1)));
            assert_eq!(code(gone.as_mut().poll(context)), None);
        }
        assert!(queue.next()().is_none());
    }

    #[tokio::test]
    async fn a_failure_is_everybodys_and_the_next_join_begins_anew() {
        let queue = Queue { is_full: true, ..Queue::default() };
        let node = node_on(Box::new(queue));
        for _ in 0..2 {
            let failure = node.read_room(GENERAL, reader(1)).await.unwrap_err();
            assert_eq!(failure.code, ErrorCode::Overloaded);
        }
        let queue = Queue::default();
        let node = node_on(Box::new(queue.clone()));
        let context = &mut Context::from_waker(Waker::noop());
        let mut reads: Vec<_> = (0..2).map(|n| Box::pin(node.read_room(GENERAL, reader(n)))).collect();
        for read in &mut reads {
            assert_eq!(code(read.as_mut().poll(context)), None);
        }
        queue.next()().unwrap()(Err(RepositoryError::Unavailable("away".to_owned())));
        for read in &mut reads {
            assert_eq!(code(read.as_mut().poll(context)), Some(ErrorCode::Unavailable));
        }
    }

    #[tokio::test]
    async fn one_join_too_many_is_told_to_come_again() {
        let queue = Queue::default();
        let node = node_on(Box::new(queue.clone()));
        let context = &mut Context::from_waker(Waker::noop());
        let mut reads: Vec<_> =
            (0..WAITING_MAX).map(|_| Box::pin(node.read_room(GENERAL, reader(1)))).collect();
        for read in &mut reads {
            assert_eq!(code(read.as_mut().poll(context)), None);
        }
        let failure = node.read_room(GENERAL, reader(2)).await.unwrap_err();
        assert_eq!((failure.code, queue.len()), (ErrorCode::Overloaded, 1));
    }
}
