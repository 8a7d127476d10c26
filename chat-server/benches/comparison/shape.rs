//! The shapes of the load: how many clients in how many rooms.

use std::fmt;

/// Rooms of equal size.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How the shape is called on the command line.
    pub(crate) name: &'static str,
    pub(crate) rooms: usize,
    pub(crate) members: usize,
    /// Those of a room who send.
    senders: usize,
    /// Messages that a sender keeps under way.
    window: usize,
}

/// A large room at saturation.
pub(crate) const LARGE: Shape = Shape { name: "1x1000", rooms: 1, members: 1_000, senders: 4, window: 8 };

/// Small, middle and large rooms at saturation, and a large one with a single message under way.
pub(crate) static SHAPES: [Shape; 4] = [
    Shape { name: "100x10", rooms: 100, members: 10, senders: 1, window: 4 },
    Shape { name: "10x100", rooms: 10, members: 100, senders: 2, window: 8 },
    LARGE,
    Shape { name: "1x1000-single", rooms: 1, members: 1_000, senders: 1, window: 1 },
];

/// People who are alone in a room each, and wait for each message.
pub(crate) static ALONE: Shape = Shape { name: "64x1", rooms: 64, members: 1, senders: 1, window: 1 };

/// Who is in a target's database before a load begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Population {
    pub(crate) people: usize,
    pub(crate) rooms: usize,
}

impl Shape {
    pub(crate) const fn clients(&self) -> usize {
        self.rooms * self.members
    }

    /// A person for each client.
    pub(crate) const fn population(&self) -> Population {
        Population { people: self.clients(), rooms: self.rooms }
    }

    /// What says the same to `chat-cli bench fanout`.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = String> {
        let Self { rooms, members, senders, window, .. } = self;
        [("rooms", rooms), ("members", members), ("senders", senders), ("window", window)]
            .map(|(name, count)| format!("--{name}={count}"))
            .into_iter()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}
