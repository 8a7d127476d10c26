//! What the clients of a load count together, and what they share so that a delivery costs little.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use hdrhistogram::Histogram;

use super::stopwatch::{Stopwatch, seconds};
use super::wire::{self, Mark};

/// The last messages of a room that are remembered, at least; a power of two. A client that is further behind reads the
/// mark of each message itself.
const RECENT: usize = 128;

/// Counts since the load began.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    /// Clients that are in all their rooms.
    pub(super) joined: u64,
    /// Messages sent.
    pub(super) sent: u64,
    /// Answers that say that a message is stored.
    pub(super) acks: u64,
    /// Messages of this load that came, over all clients.
    pub(super) deliveries: u64,
    /// How many must come.
    pub(super) expected: u64,
    /// Messages that came a second time, or behind a later one.
    pub(super) doubled: u64,
    /// Messages that somebody else sent into the rooms.
    pub(super) foreign: u64,
    /// Messages that came in answers to joins.
    pub(super) history: u64,
    /// Answers to joins that told a client to drop what it held, or held less than they should.
    pub(super) broken_joins: u64,
    /// How often the server said that it can't now, and to come again.
    pub(super) put_off: u64,
    /// Pages of history that came.
    pub(super) pages: u64,
    /// Those of them that held fewer messages than were asked for.
    pub(super) short_pages: u64,
    /// Pings that were answered.
    pub(super) pings: u64,
    /// Reads of sockets that brought something.
    pub(super) reads: u64,
}

/// Something that a client does again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Again {
    pub(super) at_ns: u64,
    pub(super) client: usize,
    /// The room to be joined; `None` is the whole connection.
    pub(super) room: Option<u32>,
}

/// The counts, times and buffers of a load.
pub(super) struct Ledger {
    pub(super) stopwatch: Stopwatch,
    /// When the socket was read that is being looked at.
    pub(super) now_ns: u64,
    /// Tells this load's messages from others.
    pub(super) nonce: u32,
    pub(super) counts: Counts,
    /// From when a message was due until it came to each member.
    pub(super) deliveries: Histogram<u64>,
    /// From when a message was due until its sender was told that it is stored.
    pub(super) acks: Histogram<u64>,
    /// From the beginning of joining until a client is in all its rooms.
    pub(super) joins: Histogram<u64>,
    /// From the request of a page of history until it came.
    pub(super) page_times: Histogram<u64>,
    /// How much later than due a message was written: the generator's own delay.
    pub(super) delays: Histogram<u64>,
    /// Messages that are due in this time are timed.
    pub(super) timed: Range<u64>,
    /// When the clients began to join.
    pub(super) joining_since_ns: u64,
    /// The newest messages that the answer to a first join must bring, if so many are there.
    pub(super) history_wanted: Option<u64>,
    pub(super) body_bytes: usize,
    /// The epoch of the server's numbers.
    pub(super) epoch: String,
    /// What was put off, the next first.
    pub(super) again: BinaryHeap<Reverse<Again>>,
    /// A frame that is being made, and its payload.
    pub(super) frame: Vec<u8>,
    pub(super) payload: Vec<u8>,
    /// By their numbers; there is none with the number 0.
    rooms: Vec<Room>,
}

/// What is known of a room.
#[derive(Default)]
struct Room {
    members: u64,
    recent: Vec<Recent>,
}

/// A message that came lately.
#[derive(Debug, Clone, Copy, Default)]
struct Recent {
    seq: u64,
    /// `None` if it is not of this load.
    mark: Option<Mark>,
}

/// Digits of a time that are kept.
const SIGNIFICANT_DIGITS: u8 = 3;
/// The longest time that is told from longer ones, in nanoseconds.
const TIME_NS_MAX: u64 = seconds(60 * 60);

#[expect(clippy::expect_used, reason = "these bounds and up to five digits are possible")]
fn no_times() -> Histogram<u64> {
    Histogram::new_with_bounds(1, TIME_NS_MAX, SIGNIFICANT_DIGITS).expect("a possible histogram")
}

impl Ledger {
    /// Nothing counted yet, for rooms up to a number.
    pub(super) fn new(stopwatch: Stopwatch, nonce: u32, body_bytes: usize, rooms: u32) -> Self {
        Self {
            stopwatch,
            now_ns: 0,
            nonce,
            counts: Counts::default(),
            deliveries: no_times(),
            acks: no_times(),
            joins: no_times(),
            page_times: no_times(),
            delays: no_times(),
            timed: 0..0,
            joining_since_ns: 0,
            history_wanted: None,
            body_bytes,
            epoch: String::new(),
            again: BinaryHeap::new(),
            frame: Vec::new(),
            payload: Vec::new(),
            rooms: (0..=rooms).map(|_| Room::default()).collect(),
        }
    }

    /// Reads the clock.
    pub(super) fn look_at_clock(&mut self) {
        self.now_ns = self.stopwatch.ns();
    }

    /// Counts a client in a room.
    pub(super) fn enter(&mut self, room: u32) {
        if let Some(room) = self.room(room) {
            room.members += 1;
        }
    }

    /// Counts a client out of a room.
    pub(super) fn leave(&mut self, room: u32) {
        if let Some(room) = self.room(room) {
            room.members = room.members.saturating_sub(1);
        }
    }

    /// Counts a message that was written, of which every client in the room must hear.
    pub(super) fn sent(&mut self, room: u32, due_ns: u64) {
        self.counts.sent += 1;
        self.counts.expected += self.room(room).map_or(0, |room| room.members);
        if self.timed.contains(&due_ns) {
            self.delays.saturating_record(self.now_ns.saturating_sub(due_ns));
        }
    }

    /// Counts a message that came; answers whose it is, if it is of this load.
    pub(super) fn delivered(&mut self, room: u32, seq: u64, payload: &[u8]) -> Option<u32> {
        let nonce = self.nonce;
        let recent = &mut self.room(room)?.recent;
        if recent.is_empty() {
            recent.resize(RECENT, Recent::default());
        }
        let place = usize::try_from(seq).unwrap_or(0) & (RECENT - 1);
        let mark = match recent.get_mut(place) {
            Some(held) if held.seq == seq => held.mark,
            // Whoever is behind doesn't push out what the others still ask for.
            Some(held) if held.seq > seq => read_mark(payload, nonce),
            Some(held) => {
                *held = Recent { seq, mark: read_mark(payload, nonce) };
                held.mark
            }
            None => None,
        };
        let Some(Mark { sender, due_ns, .. }) = mark else {
            self.counts.foreign += 1;
            return None;
        };
        self.counts.deliveries += 1;
        if self.timed.contains(&due_ns) {
            self.deliveries.saturating_record(self.now_ns.saturating_sub(due_ns));
        }
        Some(sender)
    }

    /// Counts an ack of a message that was due at some time.
    pub(super) fn acknowledged(&mut self, due_ns: u64) {
        self.counts.acks += 1;
        if self.timed.contains(&due_ns) {
            self.acks.saturating_record(self.now_ns.saturating_sub(due_ns));
        }
    }

    /// Counts a page of history that was asked for at some time, and holds so many messages of those wanted.
    pub(super) fn page_came(&mut self, asked_ns: u64, messages: u64, wanted: u64) {
        self.counts.pages += 1;
        self.counts.short_pages += u64::from(messages < wanted);
        if self.timed.contains(&asked_ns) {
            self.page_times.saturating_record(self.now_ns.saturating_sub(asked_ns));
        }
    }

    /// Counts a client that is in all its rooms.
    pub(super) fn joined(&mut self) {
        self.counts.joined += 1;
        self.joins.saturating_record(self.now_ns.saturating_sub(self.joining_since_ns));
    }

    /// Lets a client do something again later.
    pub(super) fn put_off(&mut self, client: usize, room: Option<u32>, after_ms: u64) {
        self.counts.put_off += 1;
        let at_ns = self.now_ns.saturating_add(after_ms.saturating_mul(1_000_000));
        self.again.push(Reverse(Again { at_ns, client, room }));
    }

    /// Takes what was put off until now.
    pub(super) fn take_again(&mut self) -> Option<Again> {
        let Reverse(next) = *self.again.peek()?;
        if next.at_ns > self.now_ns {
            return None;
        }
        self.again.pop();
        Some(next)
    }

    fn room(&mut self, room: u32) -> Option<&mut Room> {
        self.rooms.get_mut(usize::try_from(room).ok()?)
    }
}

fn read_mark(payload: &[u8], nonce: u32) -> Option<Mark> {
    wire::mark(payload).filter(|mark| mark.nonce == nonce)
}
