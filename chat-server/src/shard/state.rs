//! What a shard keeps of one connection.

use std::rc::Rc;

use bytes::Bytes;
use chat_domain::{ControlSeq, RoomId, RoomName, Seq, Session, Timestamp};
use chat_protocol::ServerEvent;
use chat_protocol::events::Changed;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::frame;
use crate::person::Person;
use crate::shard::inbox::RoomFrames;
use crate::shard::outbox::{EPHEMERAL_BYTES_MAX, Outbox};

/// Bytes of live events that may be held back for one room while a join is answered.
pub(crate) const HELD_BYTES_MAX: usize = 64 * 1024;
/// Sends of one connection that may wait for their commit; then the server stops reading it.
pub(crate) const IN_FLIGHT_MAX: u32 = 64;

/// Who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) user: Person,
    pub(crate) session: Session,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// It lives.
    Open,
    /// The close frame is queued; the client has some time to answer it.
    Closing,
    /// The socket failed.
    Broken,
}

/// Whether something waits to be written to a connection, and in which list it stands for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touched {
    /// Nothing waits, or a backlog is being written.
    No,
    /// Its turn comes when others have had theirs.
    Later,
    /// It is written to in this turn.
    Now,
}

/// The moment that a snapshot of a room shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The room's last change.
    pub(crate) seq: Seq,
    /// The last entry of the control log.
    pub(crate) control_seq: ControlSeq,
}

/// A room that a connection hears.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) room_id: RoomId,
    /// Whether this connection counts in the room's presence.
    pub(crate) is_present: bool,
    /// What the last snapshot showed: a commit in it may arrive here after it, and so may the end of a membership
    /// before this one.
    shown: Moment,
    /// What happens while a join is answered; `None` when the connection hears the room live.
    held: Option<Held>,
}

#[derive(Debug, Default)]
struct Held {
    frames: Vec<(Seq, Bytes)>,
    bytes: usize,
    /// The last number that was dropped because too much came.
    dropped: Option<Seq>,
}

/// What a shard keeps of one connection.
#[derive(Debug)]
pub(crate) struct Connection<W> {
    pub(crate) serial: u64,
    pub(crate) writer: Rc<W>,
    pub(crate) identity: Option<Identity>,
    pub(crate) outbox: Outbox,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) lifecycle: Lifecycle,
    /// When a closing connection is dropped.
    pub(crate) closes_at: Option<Timestamp>,
    /// Wakes the reader: there is room again, or the connection ends.
    pub(crate) wake: Rc<Notify>,
    /// Whether the reader waits for room.
    pub(crate) is_reader_waiting: bool,
    pub(crate) touched: Touched,
    /// The task that writes the backlog of a full socket, while there is one.
    pub(crate) backlog: Option<AbortHandle>,
    /// When the server, going away, closes this connection.
    pub(crate) leaves_at: Option<Timestamp>,
    pub(crate) in_flight: u32,
    /// When something last came from the client.
    pub(crate) heard_at: Timestamp,
    pub(crate) is_pinged: bool,
    /// Whether an indication of presence was dropped, so that the rooms' presence is to be sent afresh.
    pub(crate) lost_presence: bool,
}

impl<W> Connection<W> {
    pub(crate) fn new(serial: u64, writer: W, wake: Rc<Notify>, now: Timestamp) -> Self {
        Self {
            serial,
            writer: Rc::new(writer),
            identity: None,
            outbox: Outbox::default(),
            subscriptions: Vec::new(),
            lifecycle: Lifecycle::Open,
            closes_at: None,
            wake,
            is_reader_waiting: false,
            touched: Touched::No,
            backlog: None,
            leaves_at: None,
            in_flight: 0,
            heard_at: now,
            is_pinged: false,
            lost_presence: false,
        }
    }

    /// Whether the server goes away and this connection's turn has come.
    pub(crate) fn is_leaving(&self, now: Timestamp) -> bool {
        self.leaves_at.is_some_and(|at| at <= now)
    }

    fn subscription(&mut self, room_id: RoomId) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|subscription| subscription.room_id == room_id)
    }

    /// Begins to hold a room's live events back. Says whether the connection was not subscribed before.
    pub(crate) fn hold_back(&mut self, room_id: RoomId) -> bool {
        if let Some(subscription) = self.subscription(room_id) {
            subscription.held = Some(Held::default());
            false
        } else {
            let held = Some(Held::default());
            if self.subscriptions.is_empty() {
                // Most are in few rooms: growing by doubling begins with four.
                self.subscriptions.reserve_exact(1);
            }
            self.subscriptions.push(Subscription {
                room_id,
                is_present: false,
                shown: Moment::default(),
                held,
            });
            true
        }
    }

    /// Notes that something waits to be written. Says whether the connection is to be put on that list.
    pub(crate) fn touch(&mut self, when: Touched) -> bool {
        let is_news = match self.touched {
            Touched::No => true,
            Touched::Later => when == Touched::Now,
            Touched::Now => false,
        };
        if is_news && self.backlog.is_none() {
            self.touched = when;
            return true;
        }
        false
    }

    /// Whether the connection is subscribed to a room, live or held back.
    pub(crate) fn is_subscribed(&self, room_id: RoomId) -> bool {
        self.subscriptions.iter().any(|held| held.room_id == room_id)
    }

    /// Queues the answer to a join, then what was held back and is newer.
    pub(crate) fn go_live(&mut self, room_id: RoomId, shown: Moment, answer: Bytes, name: Option<RoomName>) {
        if self.lifecycle != Lifecycle::Open {
            return;
        }
        self.outbox.push(answer);
        let Some(subscription) = self.subscription(room_id) else { return };
        let held = subscription.held.take().unwrap_or_default();
        subscription.is_present = true;
        subscription.shown = shown;
        self.release(held, shown, name);
    }

    /// Queues what was held back and is newer than what the client was shown.
    fn release(&mut self, held: Held, shown: Moment, name: Option<RoomName>) {
        for (last, frames) in held.frames {
            if last > shown.seq {
                self.outbox.push(frames);
            }
        }
        if let (Some(seq), Some(room)) = (held.dropped.filter(|&seq| seq > shown.seq), name) {
            // The number without the content: the client sees the hole and catches up.
            self.outbox.push(frame::of_event(&ServerEvent::Changed(Changed { room, seq }), None));
        }
    }

    /// Ends the holding back. Says whether the connection is not subscribed any more.
    pub(crate) fn give_up_join(&mut self, room_id: RoomId, name: Option<RoomName>) -> bool {
        let Some(subscription) = self.subscription(room_id) else { return false };
        if subscription.is_present {
            // It heard the room before: what was held back is still owed to it.
            let (held, shown) = (subscription.held.take().unwrap_or_default(), subscription.shown);
            if self.lifecycle == Lifecycle::Open {
                self.release(held, shown, name);
            }
            return false;
        }
        self.subscriptions.retain(|subscription| subscription.room_id != room_id);
        true
    }

    /// Ends the subscription of a membership that ended with this entry of the control log; one that a snapshot with
    /// the entry gave is of a later membership, and stays. Says of a subscription that ended whether it was present.
    pub(crate) fn unsubscribe(&mut self, room_id: RoomId, ended: ControlSeq) -> Option<bool> {
        let is_meant = |held: &Subscription| held.room_id == room_id && held.shown.control_seq < ended;
        let at = self.subscriptions.iter().position(is_meant)?;
        Some(self.subscriptions.remove(at).is_present)
    }

    /// Whether the connection hears a room live.
    pub(crate) fn is_live(&self, room_id: RoomId) -> bool {
        self.subscriptions.iter().any(|held| held.room_id == room_id && held.is_present)
    }

    /// Takes a room's live frames. `false` if the reader is too slow for them.
    pub(crate) fn take_live(&mut self, room: &RoomFrames) -> bool {
        if self.lifecycle != Lifecycle::Open {
            return true;
        }
        match self.subscription(room.room_id) {
            Some(Subscription { held: Some(held), .. }) => {
                if held.dropped.is_some() || held.bytes + room.frames.len() > HELD_BYTES_MAX {
                    held.dropped = Some(room.last);
                } else {
                    held.bytes += room.frames.len();
                    held.frames.push((room.last, room.frames.clone()));
                }
                return true;
            }
            Some(Subscription { shown, .. }) if shown.seq >= room.last => return true,
            _ => {}
        }
        self.outbox.push_live(room.frames.clone())
    }

    /// Takes something that may be lost. Says whether it was taken.
    pub(crate) fn take_ephemeral(&mut self, room_id: RoomId, frame: &Bytes) -> bool {
        if self.lifecycle != Lifecycle::Open || !self.is_live(room_id) {
            return false;
        }
        if self.outbox.bytes() + frame.len() > EPHEMERAL_BYTES_MAX {
            self.lost_presence = true;
            return false;
        }
        self.outbox.push(frame.clone());
        true
    }
}

#[cfg(test)]
impl<W> Connection<W> {
    /// Bytes that are held back while joins are answered.
    pub(crate) fn held_bytes(&self) -> usize {
        let held = self.subscriptions.iter().filter_map(|subscription| subscription.held.as_ref());
        held.map(|held| held.frames.iter().map(|(_, frames)| frames.len()).sum::<usize>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use chat_store::Audience;

    use super::*;

    const ROOM_ID: RoomId = RoomId::new(1);

    fn connection() -> Connection<()> {
        Connection::new(0, (), Rc::new(Notify::new()), Timestamp::from_unix_ms(0))
    }

    fn at(seq: i64) -> Moment {
        Moment { seq: Seq::new(seq), control_seq: ControlSeq::new(seq) }
    }

    fn frames(seq: i64, bytes: usize) -> RoomFrames {
        {
            let (last, frames) = (Seq::new(seq), vec![b'x'; bytes].into());
            RoomFrames { room_id: ROOM_ID, last, audience: Audience::Few, frames }
        }
    }

    #[test]
    fn what_was_held_back_is_still_owed_when_a_second_join_fails_and_not_when_a_first_one_does() {
        let mut connection = connection();
        connection.hold_back(ROOM_ID);
        assert!(connection.take_live(&frames(1, 100)));
        assert!(connection.give_up_join(ROOM_ID, None), "it never was in the room");
        assert_eq!(connection.outbox.bytes(), 0);

        assert!(connection.hold_back(ROOM_ID));
        connection.go_live(ROOM_ID, at(1), Bytes::new(), None);
        connection.hold_back(ROOM_ID);
        assert!(connection.take_live(&frames(2, 100)));
        assert!(!connection.give_up_join(ROOM_ID, None), "it still hears the room");
        assert_eq!(connection.outbox.bytes(), 100);
    }

    #[test]
    fn what_is_too_much_to_hold_back_during_a_join_is_told_by_its_number() {
        let room = RoomName::new("general").unwrap();
        let mut connection = connection();
        connection.hold_back(ROOM_ID);
        // The first is in the answer, the second fits, the others do not any more.
        for held in [frames(1, 100), frames(2, 1_000), frames(3, HELD_BYTES_MAX), frames(4, 1)] {
            assert!(connection.take_live(&held));
        }
        let (answer, seq) = (Bytes::from_static(b"answer"), Seq::new(4));
        connection.go_live(ROOM_ID, at(1), answer.clone(), Some(room.clone()));
        let told = frame::of_event(&ServerEvent::Changed(Changed { room: room.clone(), seq }), None);
        assert_eq!(connection.outbox.bytes(), answer.len() + 1_000 + told.len());

        // The same is owed when a second join fails.
        let before = connection.outbox.bytes();
        connection.hold_back(ROOM_ID);
        for held in [frames(5, 1_000), frames(6, HELD_BYTES_MAX)] {
            assert!(connection.take_live(&held));
        }
        assert!(!connection.give_up_join(ROOM_ID, Some(room)));
        assert_eq!(connection.outbox.bytes(), before + 1_000 + told.len());
    }

    #[test]
    fn the_end_of_a_membership_ends_no_subscription_of_a_later_one() {
        let mut connection = connection();
        connection.hold_back(ROOM_ID);
        assert_eq!(connection.unsubscribe(ROOM_ID, ControlSeq::new(1)), Some(false), "the join begins anew");
        connection.hold_back(ROOM_ID);
        connection.go_live(ROOM_ID, at(5), Bytes::new(), None);
        assert_eq!(connection.unsubscribe(ROOM_ID, ControlSeq::new(5)), None);
        connection.hold_back(ROOM_ID);
        assert_eq!(connection.unsubscribe(ROOM_ID, ControlSeq::new(5)), None, "joined, and joining again");
        assert_eq!(connection.unsubscribe(ROOM_ID, ControlSeq::new(6)), Some(true));
        assert!(!connection.is_subscribed(ROOM_ID));
    }
}
