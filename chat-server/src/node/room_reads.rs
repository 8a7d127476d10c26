//! Joins of the same room that wait share one read, as messages share a commit.
//!
//! Whoever joins is subscribed first and then waits here. A group is closed before its snapshot begins, so that nobody
//! is answered from one that is older than their subscription; in it everybody's own right is looked at. While no
//! reader is free the groups grow, and messages that have not changed since the last group are not read again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_domain::participant::ListedParticipant;
use chat_domain::{
    KeptRoom, Repository, RepositoryError, RoomId, RoomReader, RoomSnapshot, Timestamp, read_room_together,
};
use chat_protocol::JsonList;
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::node::Node;
use crate::node::metrics::StoreRead;
use crate::person::StoredPerson;
use crate::store_access::SnapshotWork;

/// Joins of a room that may wait for one read, at most; one more is answered with `overloaded`.
const WAITING_MAX: usize = 4_096;

/// Rooms of which something is kept, at most; with one more all are read afresh. With four pages of 32 KiB each, all of
/// them take 16 MiB at most, and their lists of participants 10 MiB more for some seconds.
const ROOMS_KEPT_MAX: usize = 128;

/// What a snapshot shows of a room. Those who hold the same of it share one.
#[derive(Debug)]
pub(crate) struct RoomRead {
    pub(crate) snapshot: Arc<RoomSnapshot>,
    /// The snapshot's participants as JSON.
    pub(crate) people: Arc<[StoredPerson]>,
    /// The snapshot's messages as JSON.
    pub(crate) messages: JsonList,
}

/// The joins that wait, and what was read last.
#[derive(Default)]
pub(crate) struct RoomReads {
    /// By room. A room that is here has a read in the queue.
    waiting: Mutex<HashMap<RoomId, Vec<Waiting>>>,
    kept: Mutex<HashMap<RoomId, Kept>>,
    /// How many memberships have ended, in whichever room.
    ended: AtomicU64,
}

/// What is kept of a room.
#[derive(Default)]
struct Kept {
    room: KeptRoom,
    people: Option<KeptPeople>,
    /// How many memberships had ended before it was read.
    ended: u64,
}

/// A list of participants, and its people as JSON.
struct KeptPeople {
    list: Arc<[ListedParticipant]>,
    people: Arc<[StoredPerson]>,
}

struct Waiting {
    reader: RoomReader,
    answer: oneshot::Sender<Result<Arc<RoomRead>, Failure>>,
}

impl Node {
    /// Reads what a member sees of a room, together with others who wait for the same room.
    pub(crate) async fn read_room(
        &self,
        room_id: RoomId,
        reader: RoomReader,
    ) -> Result<Arc<RoomRead>, Failure> {
        let (answer, answered) = oneshot::channel();
        if self.room_reads.add(room_id, Waiting { reader, answer })? {
            let (groups, now) = (Arc::clone(&self.room_reads), self.clock.now());
            let queued =
                self.store().and_then(|store| store.read(Box::new(move || groups.close(room_id, now))));
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

    fn kept(&self) -> MutexGuard<'_, HashMap<RoomId, Kept>> {
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
    fn close(self: Arc<Self>, room_id: RoomId, now: Timestamp) -> Option<SnapshotWork> {
        let mut group = self.take(room_id);
        group.retain(|waiting| !waiting.answer.is_closed());
        if group.is_empty() {
            return None;
        }
        let ended = self.ended.load(Ordering::Relaxed);
        Some(Box::new(move |repository| self.answer(room_id, now, ended, group, repository)))
    }

    /// Reads for a group that was closed when so many memberships had ended, and answers each of it.
    fn answer(
        &self,
        room_id: RoomId,
        now: Timestamp,
        ended: u64,
        group: Vec<Waiting>,
        repository: Result<&mut dyn Repository, RepositoryError>,
    ) {
        let (readers, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|waiting| (waiting.reader, waiting.answer)).unzip();
        let mut kept = self.kept_of(room_id, ended);
        let read = repository
            .and_then(|repository| read_room_together(repository, now, room_id, &readers, &mut kept.room))
            .map_err(Failure::from);
        match read {
            Ok(read) => {
                let mut encoded = HashMap::new();
                for (answer, read) in answers.into_iter().zip(read) {
                    let read =
                        read.map_err(Failure::from).and_then(|snapshot| kept.encode(&mut encoded, snapshot));
                    let _ = answer.send(read);
                }
                self.keep(room_id, kept);
            }
            Err(failure) => answers.into_iter().for_each(|answer| {
                let _ = answer.send(Err(failure.clone()));
            }),
        }
    }

    /// Takes what is kept of a room.
    fn kept_of(&self, room_id: RoomId, ended: u64) -> Kept {
        let mut kept = self.kept().remove(&room_id).unwrap_or_default();
        if kept.ended != ended {
            kept.room.forget_participants();
        }
        Kept { ended, ..kept }
    }

    fn keep(&self, room_id: RoomId, room: Kept) {
        let mut kept = self.kept();
        if kept.len() >= ROOMS_KEPT_MAX {
            kept.clear();
        }
        kept.insert(room_id, room);
    }

    /// Drops the lists of participants, which are of no use after a second. Called now and then, so that they take no
    /// memory once a storm is over.
    pub(crate) fn forget_participants(&self) {
        for kept in self.kept().values_mut() {
            kept.room.forget_participants();
            kept.people = None;
        }
    }

    /// Notes that a membership ended: a list in which that person may be is not shown any more. One that begins needs
    /// no note: whoever joins is present, and the snapshot has another number of members.
    pub(crate) fn note_ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Kept {
    /// Encodes what a snapshot shows, once for all who share it.
    fn encode(
        &mut self,
        encoded: &mut HashMap<*const RoomSnapshot, Arc<RoomRead>>,
        snapshot: Arc<RoomSnapshot>,
    ) -> Result<Arc<RoomRead>, Failure> {
        let key = Arc::as_ptr(&snapshot);
        if let Some(read) = encoded.get(&key) {
            return Ok(Arc::clone(read));
        }
        let people = self.people(&snapshot.participants)?;
        let messages = JsonList::of_messages(&snapshot.messages)?;
        let read = Arc::new(RoomRead { snapshot, people, messages });
        encoded.insert(key, Arc::clone(&read));
        Ok(read)
    }

    /// The people of a list of participants. The same list is encoded once.
    fn people(&mut self, list: &Arc<[ListedParticipant]>) -> serde_json::Result<Arc<[StoredPerson]>> {
        if let Some(kept) = self.people.as_ref().filter(|kept| Arc::ptr_eq(&kept.list, list)) {
            return Ok(Arc::clone(&kept.people));
        }
        let people: Arc<[StoredPerson]> = list.iter().map(StoredPerson::new).collect::<Result<_, _>>()?;
        self.people = Some(KeptPeople { list: Arc::clone(list), people: Arc::clone(&people) });
        Ok(people)
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

    fn code(read: Poll<Result<Arc<RoomRead>, Failure>>) -> Option<ErrorCode> {
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

    #[test]
    fn no_list_of_participants_stays() {
        let reads = RoomReads::default();
        let mut kept = Kept::default();
        kept.people(&Arc::from([])).unwrap();
        let list = Arc::downgrade(&kept.people.as_ref().unwrap().people);
        reads.keep(GENERAL, kept);
        assert!(list.upgrade().is_some());
        reads.forget_participants();
        assert!(list.upgrade().is_none());
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
