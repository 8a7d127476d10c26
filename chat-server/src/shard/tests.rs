//! What a turn of the dispatcher costs, in figures that no clock and no luck decides: writes and allocations.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use chat_domain::{RoomId, Seq, Timestamp};
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use super::inbox::{Inbox, RoomFrames, ShardEvent};
use super::{Shard, dispatcher};
use crate::connection::socket::SocketWriter;
use crate::credit::Credit;
use crate::defect::node;

const ROOM_ID: RoomId = RoomId::new(1);
/// Turns that readers and dispatcher take while something is written out, at least: one for 64 connections.
const TURNS: usize = 64;

thread_local! {
    /// Writes to all sockets of this test.
    static WRITES: Cell<usize> = const { Cell::new(0) };
}

/// A socket that takes everything, and counts.
#[derive(Debug, Default)]
struct Counting {
    writes: Cell<usize>,
    bytes: Cell<usize>,
    /// Which of all writes its last one was.
    place: Cell<usize>,
}

impl SocketWriter for Counting {
    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        self.writes.set(self.writes.get() + 1);
        self.bytes.set(self.bytes.get() + bytes);
        WRITES.set(WRITES.get() + 1);
        self.place.set(WRITES.get());
        Ok(bytes)
    }

    fn finish(&self) {}

    async fn writable(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A shard with connections in one room.
struct Stage {
    runtime: Runtime,
    tasks: LocalSet,
    shard: Rc<Shard<Counting>>,
}

impl Stage {
    /// So many connections, which have been told all.
    fn new(members: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (tasks, shard) = (LocalSet::new(), Shard::new(0, node()));
        tasks.spawn_local(dispatcher::run(Rc::clone(&shard)));
        let stage = Self { runtime, tasks, shard };
        (0..members).for_each(|_| stage.connect(ROOM_ID));
        stage.run();
        assert_eq!(stage.written(), vec![(1, 6); members]);
        stage
    }

    /// A connection more, in some room.
    fn connect(&self, room_id: RoomId) {
        let (key, _) = self.shard.open(Counting::default(), Timestamp::default());
        self.shard.hold_back(key, room_id).unwrap();
        self.shard.go_live(key, room_id, Seq::ZERO, Bytes::from_static(b"joined")).unwrap();
    }

    fn inbox(&self) -> &Inbox {
        self.shard.inbox().unwrap()
    }

    /// Lets the dispatcher have its turns until nothing is left to be done.
    fn run(&self) {
        self.tasks.block_on(&self.runtime, async {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(self.inbox().waiting(), 0);
    }

    /// The writes and bytes of each connection since the last time.
    fn written(&self) -> Vec<(usize, usize)> {
        let mut written = Vec::new();
        self.shard.inspect(|connection| {
            let Counting { writes, bytes, .. } = &*connection.writer;
            written.push((writes.take(), bytes.take()));
        });
        written
    }
}

/// A commit of one message in one room.
fn commit(seq: i64) -> ShardEvent {
    commit_in(&[ROOM_ID], seq)
}

/// A commit of one message in each of some rooms.
fn commit_in(room_ids: &[RoomId], seq: i64) -> ShardEvent {
    let frames = |&room_id| RoomFrames { room_id, last: Seq::new(seq), frames: vec![b'm'; 10].into() };
    let rounds = vec![room_ids.iter().map(frames).collect()];
    ShardEvent::Committed { rounds, answers: Vec::new(), credit: Arc::<Credit>::default().share() }
}

#[test]
fn thirty_two_events_in_the_inbox_are_one_write_to_each_connection() {
    let stage = Stage::new(3);
    for seq in 1..=16 {
        stage.inbox().post(commit(seq));
        let frame = Bytes::from_static(b"typing....");
        stage.inbox().post(ShardEvent::Ephemeral { room_id: ROOM_ID, frame, except: None });
    }
    assert_eq!(stage.inbox().waiting(), 32);
    stage.run();
    assert_eq!(stage.written(), [(1, 320); 3]);
}

#[test]
fn a_small_room_does_not_wait_for_a_large_one() {
    let (stage, small) = (Stage::new(10), RoomId::new(2));
    stage.connect(small);
    stage.run();
    let before = WRITES.get();
    stage.inbox().post(commit_in(&[ROOM_ID, small], 1));
    stage.run();
    let mut places = Vec::new();
    stage.shard.inspect(|connection| places.push(connection.writer.place.get() - before));
    assert_eq!(places.pop(), Some(1), "the one in the small room was first");
    places.sort_unstable();
    assert_eq!(places, Vec::from_iter(2..=11));
}

/// Messages whose allocations are counted.
const MESSAGES: i64 = 32;

/// Allocations of so many turns with a message each.
fn allocations(members: usize) -> u64 {
    let stage = Stage::new(members);
    let say = |seqs: RangeInclusive<i64>| {
        for seq in seqs {
            stage.inbox().post(commit(seq));
            stage.run();
        }
    };
    // What is kept for the next turn has its size after the first.
    say(1..=1);
    let counted = allocation_counter::measure(|| say(2..=MESSAGES + 1));
    assert_eq!(stage.written(), vec![(33, 330); members]);
    counted.count_total
}

#[test]
fn a_delivery_allocates_nothing() {
    assert_eq!(allocations(1_000), allocations(10));
}
