//! What a turn of the dispatcher costs, in figures that no clock and no luck decides: writes and allocations.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::rc::Rc;

use bytes::Bytes;
use chat_domain::{RoomId, Seq, Timestamp};
use chat_store::Audience;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use super::dispatcher::WRITES_PER_TURN;
use super::inbox::{Inbox, RoomFrames, ShardEvent};
use super::state::Moment;
use super::{ConnectionKey, Shard, dispatcher};
use crate::connection::socket::SocketWriter;
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
    /// Whether the next write panics.
    has_defect: Cell<bool>,
}

impl SocketWriter for Counting {
    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(!self.has_defect.take(), "a defect");
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
        for _ in 0..members {
            stage.connect(ROOM_ID);
        }
        stage.run();
        assert_eq!(stage.written(), vec![(1, 6); members]);
        stage
    }

    /// A connection more, in some room.
    fn connect(&self, room_id: RoomId) -> ConnectionKey {
        let (key, _) = self.shard.open(Counting::default(), Timestamp::default());
        self.join(key, room_id);
        key
    }

    fn join(&self, key: ConnectionKey, room_id: RoomId) {
        self.shard.hold_back(key, room_id).unwrap();
        self.shard.go_live(key, room_id, Moment::default(), Bytes::from_static(b"joined")).unwrap();
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
    commit_in(&[(ROOM_ID, Audience::Few)], seq)
}

/// A commit of one message in each of some rooms.
fn commit_in(rooms: &[(RoomId, Audience)], seq: i64) -> ShardEvent {
    let last = Seq::new(seq);
    let frames = |&(room_id, audience)| RoomFrames { room_id, last, audience, frames: vec![b'm'; 10].into() };
    let rounds = vec![rooms.iter().map(frames).collect()];
    ShardEvent::Committed { rounds, answers: Vec::new(), credit: Vec::new() }
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
fn whoever_joins_again_hears_everything_once() {
    let stage = Stage::new(1);
    let again = stage.connect(ROOM_ID);
    stage.join(again, ROOM_ID);
    stage.shard.hold_back(again, ROOM_ID).unwrap();
    stage.shard.give_up_join(again, ROOM_ID);
    stage.run();
    stage.written();
    stage.inbox().post(commit(1));
    stage.run();
    assert_eq!(stage.written(), [(1, 10); 2]);
}

#[test]
fn a_panic_while_one_is_written_to_costs_the_others_nothing() {
    let stage = Stage::new(3);
    let mut first = true;
    stage.shard.inspect(|connection| connection.writer.has_defect.set(std::mem::take(&mut first)));
    stage.inbox().post(commit(1));
    stage.run();
    assert_eq!(stage.written(), [(0, 0), (1, 10), (1, 10)]);
    // Nothing of the one is lost: it goes out with what comes next.
    stage.inbox().post(commit(2));
    stage.run();
    assert_eq!(stage.written(), [(1, 20), (1, 10), (1, 10)]);
}

#[test]
fn a_small_room_does_not_wait_for_a_large_one() {
    let (stage, small) = (Stage::new(10), RoomId::new(2));
    stage.connect(small);
    stage.run();
    let before = WRITES.get();
    stage.inbox().post(commit_in(&[(ROOM_ID, Audience::Few), (small, Audience::Few)], 1));
    stage.run();
    let mut places = Vec::new();
    stage.shard.inspect(|connection| places.push(connection.writer.place.get() - before));
    assert_eq!(places.pop(), Some(1), "the one in the small room was first");
    places.sort_unstable();
    assert_eq!(places, Vec::from_iter(2..=11));
}

#[test]
fn a_small_room_is_written_to_while_many_are_told_of_something() {
    let (stage, small) = (Stage::new(3 * WRITES_PER_TURN), RoomId::new(2));
    // One of the many is in the small room, too.
    let both = stage.connect(ROOM_ID);
    stage.join(both, small);
    stage.connect(small);
    stage.run();
    stage.written();
    let before = WRITES.get();
    stage.inbox().post(commit_in(&[(ROOM_ID, Audience::Many)], 1));
    let meanwhile = async {
        while WRITES.get() == before {
            tokio::task::yield_now().await;
        }
        assert_eq!(WRITES.get() - before, WRITES_PER_TURN);
        stage.inbox().post(commit_in(&[(small, Audience::Few)], 1));
    };
    stage.tasks.block_on(&stage.runtime, meanwhile);
    stage.run();
    let mut places = Vec::new();
    stage.shard.inspect(|connection| places.push(connection.writer.place.get() - before));
    let of_small = &places[both.slot..];
    let next = WRITES_PER_TURN + 1..=WRITES_PER_TURN + 2;
    assert!(of_small.iter().all(|place| next.contains(place)), "{of_small:?}");
    // Whoever is in both rooms got both messages in one write.
    let written = stage.written();
    assert_eq!((written[0], written[both.slot], written[both.slot + 1]), ((1, 10), (1, 20), (1, 10)));
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
