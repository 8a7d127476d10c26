//! The shape of a load: how many rooms, who is in them, who sends.

use crate::args::bench::{Fanout, Preset};
use crate::error::CliError;

/// Clients of a load, at most: an address has ports for some 28,000 connections.
const CLIENTS_MAX: u64 = 1_000_000;

/// Rooms of equal size; each client is in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) rooms: u32,
    pub(super) members: u32,
    /// Those of a room who send. All of them receive.
    pub(super) senders: u32,
    /// Messages that a sender keeps under way.
    pub(super) window: u32,
}

impl Shape {
    /// The shape that the command line asks for.
    pub(super) fn of(fanout: &Fanout) -> Result<Self, CliError> {
        let preset = match fanout.shape {
            Preset::Small => Self { rooms: 100, members: 10, senders: 1, window: 4 },
            Preset::Middle => Self { rooms: 10, members: 100, senders: 2, window: 8 },
            Preset::Large => Self { rooms: 1, members: 1_000, senders: 4, window: 8 },
        };
        let members = fanout.members.unwrap_or(preset.members);
        let shape = Self {
            rooms: fanout.rooms.unwrap_or(preset.rooms),
            members,
            senders: fanout.senders.unwrap_or_else(|| preset.senders.min(members)),
            window: fanout.window.unwrap_or(preset.window),
        };
        if shape.senders > shape.members {
            let what = format!("{} members can't be {} senders", shape.members, shape.senders);
            return Err(CliError::usage(what, "take fewer --senders or more --members"));
        }
        let clients = u64::from(shape.rooms) * u64::from(shape.members);
        if clients > CLIENTS_MAX {
            let what = format!("{clients} clients are more than the {CLIENTS_MAX} that are possible");
            return Err(CliError::usage(what, "take fewer --rooms or --members"));
        }
        Ok(shape)
    }

    /// The rooms of each client: those of the first room first.
    pub(super) fn seats(&self) -> Vec<Vec<u32>> {
        self.seats_from(1)
    }

    /// The same where the first room has some other number.
    pub(super) fn seats_from(&self, first_room: u32) -> Vec<Vec<u32>> {
        let rooms = (first_room..).zip(0..self.rooms).map(|(room, _)| room);
        rooms.flat_map(|room| (0..self.members).map(move |_| vec![room])).collect()
    }

    /// The numbers of the clients that send: of each room the first, then of each the second …
    pub(super) fn sending_clients(&self) -> Vec<usize> {
        let Self { rooms, members, senders, .. } = *self;
        let number = |sender: u32, room: u32| u64::from(room) * u64::from(members) + u64::from(sender);
        (0..senders)
            .flat_map(|sender| (0..rooms).map(move |room| number(sender, room)))
            .filter_map(|number| usize::try_from(number).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        fanout: Fanout,
    }

    #[test]
    fn more_clients_than_a_machine_has_ports_are_refused_before_anything_is_made_for_them() {
        let line = |rooms: &str| {
            Line::parse_from(["bench", "--tokens", "x", "--rooms", rooms, "--members", "1000"]).fanout
        };
        assert!(Shape::of(&line("1000")).is_ok());
        let error = Shape::of(&line("100000")).unwrap_err();
        assert!(error.to_string().contains("100000000 clients"), "{error}");
    }

    #[test]
    fn the_senders_are_spread_over_the_rooms() {
        let shape = Shape { rooms: 2, members: 3, senders: 2, window: 1 };
        assert_eq!(shape.seats(), [[1], [1], [1], [2], [2], [2]]);
        assert_eq!(shape.seats_from(7), [[7], [7], [7], [8], [8], [8]]);
        assert_eq!(shape.sending_clients(), [0, 3, 1, 4]);
    }
}
