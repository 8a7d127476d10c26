//! The shapes of the load: a thousand clients, in many small rooms or few large ones.

use std::fmt;

/// A shape of the load.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Rooms and clients in each, as the command line says it.
    pub(crate) name: &'static str,
    pub(crate) rooms: usize,
    pub(crate) clients_per_room: usize,
    pub(crate) senders_per_room: usize,
    /// Messages that a sender has under way.
    pub(crate) window: u64,
}

/// Small, middle and large rooms.
pub(crate) static SHAPES: [Shape; 3] = [
    Shape { name: "100x10", rooms: 100, clients_per_room: 10, senders_per_room: 1, window: 4 },
    Shape { name: "10x100", rooms: 10, clients_per_room: 100, senders_per_room: 2, window: 8 },
    Shape { name: "1x1000", rooms: 1, clients_per_room: 1_000, senders_per_room: 4, window: 8 },
];

impl Shape {
    pub(crate) const fn clients(&self) -> usize {
        self.rooms * self.clients_per_room
    }

    /// The room of a client; each is in one.
    pub(crate) const fn room_of(&self, client: usize) -> usize {
        client / self.clients_per_room
    }

    /// Whether a client sends. All of them receive.
    pub(crate) const fn is_sender(&self, client: usize) -> bool {
        client % self.clients_per_room < self.senders_per_room
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// What the names of the benchmark's rooms begin with.
pub(crate) const ROOM_PREFIX: &str = "fan-";

/// The name of a room.
pub(crate) fn room_name(room: usize) -> String {
    format!("{ROOM_PREFIX}{room:03}")
}

/// The session token of a client: 43 characters of base64url, as the server's own.
pub(crate) fn token(client: usize) -> String {
    format!("{client:043}")
}
