//! The shapes of the load: a thousand clients, in many small rooms or few large ones. `chat-cli bench fanout --shape`
//! knows how many of them send.

use std::fmt;

/// A shape of the load.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Rooms and clients in each, as the command line says it.
    pub(crate) name: &'static str,
    pub(crate) rooms: usize,
    pub(crate) clients_per_room: usize,
}

/// Small, middle and large rooms.
pub(crate) static SHAPES: [Shape; 3] = [
    Shape { name: "100x10", rooms: 100, clients_per_room: 10 },
    Shape { name: "10x100", rooms: 10, clients_per_room: 100 },
    Shape { name: "1x1000", rooms: 1, clients_per_room: 1_000 },
];

impl Shape {
    pub(crate) const fn clients(&self) -> usize {
        self.rooms * self.clients_per_room
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}
