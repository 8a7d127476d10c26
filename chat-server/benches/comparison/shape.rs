//! The shapes of the loads: how many clients in how many rooms.

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

/// All clients in one room, of whom one sends.
pub(crate) static HUGE: Population = Population { people: 1_000, rooms: 1 };

/// Who is in a target's database before a load begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Population {
    pub(crate) people: usize,
    pub(crate) rooms: usize,
}

/// Clients that all come at once, for the first time or to resume.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Storm {
    /// How the storm is called on the command line.
    pub(crate) name: &'static str,
    pub(crate) clients: usize,
    pub(crate) rooms: usize,
    /// Rooms that each client resumes; `None` for a storm of joins, which are of one room each.
    resumed: Option<usize>,
    /// Messages that each client gets in each of its rooms.
    pub(crate) messages: usize,
}

/// Those who come with nothing and get a page each, and those who come back.
pub(crate) static STORMS: [Storm; 2] = [
    Storm { name: "join", clients: 2_000, rooms: 100, resumed: None, messages: 50 },
    Storm { name: "resume", clients: 10_000, rooms: 100, resumed: Some(3), messages: 20 },
];

/// People whom an answer to a join lists, at most.
const PARTICIPANTS_MAX: usize = 200;

impl Storm {
    /// Whether clients come back with a position.
    pub(crate) const fn is_resume(&self) -> bool {
        self.resumed.is_some()
    }

    /// The people whom the answers to its joins list.
    pub(crate) fn participants(&self) -> usize {
        (self.clients * self.resumed.unwrap_or(1) / self.rooms).min(PARTICIPANTS_MAX)
    }

    pub(crate) const fn population(&self) -> Population {
        Population { people: self.clients, rooms: self.rooms }
    }

    /// What says the same to `chat-cli bench storm`.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self { clients, rooms, messages, .. } = self;
        let mut arguments = vec![format!("--clients={clients}"), format!("--rooms={rooms}")];
        match self.resumed {
            None => arguments.push(format!("--history={messages}")),
            Some(each) => {
                arguments.push("--resume".to_owned());
                arguments.extend([format!("--rooms-each={each}"), format!("--missed={messages}")]);
            }
        }
        arguments
    }
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clients, messages, .. } = self;
        match self.resumed {
            None => write!(f, "{clients} join, {messages} messages"),
            Some(rooms) => write!(f, "{clients} resume {rooms} rooms, {messages} messages each"),
        }
    }
}

impl Shape {
    pub(crate) const fn clients(&self) -> usize {
        self.rooms * self.members
    }

    /// A person for each client.
    pub(crate) const fn population(&self) -> Population {
        Population { people: self.clients(), rooms: self.rooms }
    }

    /// What says the same to `chat-cli bench fanout`, for so many seconds.
    pub(crate) fn arguments(&self, seconds: u64) -> Vec<String> {
        let Self { rooms, members, senders, window, .. } = self;
        [("rooms", rooms), ("members", members), ("senders", senders), ("window", window)]
            .map(|(name, count)| format!("--{name}={count}"))
            .into_iter()
            .chain([format!("--seconds={seconds}")])
            .collect()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}
