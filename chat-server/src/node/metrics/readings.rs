//! The gauges that are read off the node and the process when somebody asks.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::families::{Gauges, gauge};
use crate::process;

/// What is read off the node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Readings {
    /// Open WebSockets.
    pub(crate) connections: usize,
    /// Those of them on which somebody is signed in.
    pub(crate) signed_in: usize,
    /// Open plain HTTP connections.
    pub(crate) visitors: usize,
    pub(crate) rooms: RoomCounts,
    pub(crate) waiting: Waiting,
    pub(crate) passwords_waiting: usize,
    pub(crate) inbox_events: usize,
}

/// How many rooms there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RoomCounts {
    pub(crate) active: usize,
    pub(crate) archived: usize,
}

/// What waits for the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Commands, for the writer.
    pub(crate) commands: usize,
    /// Reads, for a reader.
    pub(crate) reads: usize,
}

/// The gauges.
#[derive(Debug)]
pub(super) struct ReadGauges {
    connections: Gauges<&'static str>,
    visitors: Gauges<()>,
    rooms: Gauges<&'static str>,
    queues: Gauges<&'static str>,
    pub(super) database_up: Gauge,
    resident_bytes: Gauge,
    open_files: Gauge,
    open_files_max: Gauge,
}

impl ReadGauges {
    pub(super) fn register(all: &mut Registry) -> Self {
        let connections = "Open WebSockets, by whether somebody is signed in";
        let queues =
            "What waits: commands for the writer, reads for a reader, password hashes, events for a shard";
        let gauges = Self {
            connections: labelled(all, "chat_connections", connections, "state", &["signed_in", "not_yet"]),
            visitors: Gauges::register(
                all,
                "chat_http_connections",
                "Open HTTP connections that are no WebSockets",
                [((), [])],
            ),
            rooms: labelled(all, "chat_rooms", "Rooms", "state", &["active", "archived"]),
            queues: labelled(
                all,
                "chat_queue_depth",
                queues,
                "queue",
                &["writer", "readers", "passwords", "inbox"],
            ),
            database_up: gauge(all, "chat_database_up", "1 while the database answers, else 0"),
            resident_bytes: gauge(
                all,
                "process_resident_memory_bytes",
                "The process's memory that is in RAM; 0 where the system doesn't say",
            ),
            open_files: gauge(
                all,
                "process_open_fds",
                "Open files and sockets; 0 where the system doesn't say",
            ),
            open_files_max: gauge(
                all,
                "process_max_fds",
                "Files and sockets that may be open; 0 is no limit",
            ),
        };
        // The server has read from it to get here.
        gauges.database_up.set(1);
        gauges
    }

    pub(super) fn set(&self, readings: Readings) {
        let Readings { connections, signed_in, visitors, rooms, waiting, passwords_waiting, inbox_events } =
            readings;
        self.connections.set("signed_in", signed_in);
        self.connections.set("not_yet", connections.saturating_sub(signed_in));
        self.visitors.set((), visitors);
        self.rooms.set("active", rooms.active);
        self.rooms.set("archived", rooms.archived);
        self.queues.set("writer", waiting.commands);
        self.queues.set("readers", waiting.reads);
        self.queues.set("passwords", passwords_waiting);
        self.queues.set("inbox", inbox_events);
        self.resident_bytes.set(signed(process::resident_bytes()));
        self.open_files.set(signed(process::open_files()));
        self.open_files_max.set(signed(process::open_files_max()));
    }
}

/// A gauge with one label, whose values are also its keys.
fn labelled(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: &[&'static str],
) -> Gauges<&'static str> {
    Gauges::register(registry, name, help, values.iter().map(|&value| (value, [(label, value.into())])))
}

fn signed(number: Option<u64>) -> i64 {
    i64::try_from(number.unwrap_or(0)).unwrap_or(i64::MAX)
}
