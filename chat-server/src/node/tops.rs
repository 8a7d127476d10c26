//! The last number that this node has told of each room, so that a number is never left out.
//!
//! A commit whose outcome is unknown (the database went away in it) may be stored although nobody was told.
//! Then the next number would leave a hole: it is read from the database once, for the room.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use chat_domain::{RoomId, Seq};

/// The last told numbers, and the rooms about which a failed commit left a doubt.
#[derive(Debug, Default)]
pub(crate) struct Tops(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    told: HashMap<RoomId, Seq>,
    doubtful: BTreeSet<RoomId>,
}

impl Tops {
    /// Tells the numbers `first` to `last` of a room. Gives back the number after which something was left out.
    pub(crate) fn tell(&self, room_id: RoomId, first: Seq, last: Seq) -> Option<Seq> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held.told.insert(room_id, last);
        before.filter(|before| before.next() < first)
    }

    /// Notes that a commit in a room may or may not have happened.
    pub(crate) fn doubt(&self, room_id: RoomId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).doubtful.insert(room_id);
    }

    /// Whether there is anything to take.
    pub(crate) fn has_doubts(&self) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.doubtful.iter().any(|room_id| held.told.contains_key(room_id))
    }

    /// Takes the rooms in doubt with their last told numbers. A room of which nothing was told has no hole yet: its
    /// doubt stays, for somebody may just be reading it as it was before the commit.
    pub(crate) fn take_doubtful(&self) -> Vec<(RoomId, Seq)> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Held { told, doubtful } = &mut *held;
        let mut taken = Vec::new();
        doubtful.retain(|room_id| match told.get(room_id) {
            Some(&last) => {
                taken.push((*room_id, last));
                false
            }
            None => true,
        });
        taken
    }

    /// Notes what a snapshot showed, for a room of which nothing was told yet.
    pub(crate) fn see(&self, room_id: RoomId, last: Seq) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).told.entry(room_id).or_insert(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_seen_once() {
        let (tops, room) = (Tops::default(), RoomId::new(1));
        assert_eq!(tops.tell(room, Seq::new(5), Seq::new(6)), None);
        assert_eq!(tops.tell(room, Seq::new(7), Seq::new(7)), None);
        assert_eq!(tops.tell(room, Seq::new(9), Seq::new(9)), Some(Seq::new(7)));
        assert_eq!(tops.tell(room, Seq::new(10), Seq::new(10)), None);
    }

    #[test]
    fn doubt_is_taken_once_and_stays_until_something_was_told() {
        let (tops, room) = (Tops::default(), RoomId::new(1));
        tops.doubt(room);
        assert!(!tops.has_doubts());
        assert_eq!(tops.take_doubtful(), []);
        tops.see(room, Seq::new(3));
        assert!(tops.has_doubts());
        assert_eq!(tops.take_doubtful(), [(room, Seq::new(3))]);
        assert_eq!(tops.take_doubtful(), []);
    }
}
