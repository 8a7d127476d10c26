//! An open loop: messages are due at equal distances, and their times count from then on, whatever held them up.

use std::io;

use serde_json::Value;

use crate::chat_cli::figure;

/// Messages at a rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenLoop {
    /// In all rooms together.
    pub(crate) messages_per_s: usize,
    pub(crate) rooms: usize,
    /// Clients in each room.
    pub(crate) members: usize,
    /// The number of the first room.
    pub(crate) first_room: usize,
    /// One client in so many never reads.
    pub(crate) stalled_every: Option<usize>,
    /// Seconds of the load before it is measured.
    pub(crate) warm_up_s: usize,
}

impl OpenLoop {
    /// What says the same to `chat-cli bench rate`, for so many seconds.
    pub(crate) fn arguments(&self, seconds: u64) -> impl Iterator<Item = String> {
        let Self { messages_per_s, rooms, members, first_room, stalled_every, warm_up_s } = *self;
        let always = [
            ("per-second", messages_per_s),
            ("rooms", rooms),
            ("members", members),
            ("first-room", first_room),
            ("warm-up", warm_up_s),
        ];
        let sometimes = stalled_every.map(|every| ("stalled-every", every));
        let counts = always.into_iter().chain(sometimes).map(|(name, count)| format!("--{name}={count}"));
        counts.chain([format!("--seconds={seconds}")])
    }
}

/// What an open loop brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Milliseconds from when a message was due until it came to a member: half of them took no longer.
    pub(crate) p50_ms: f64,
    /// 99 in a hundred took no longer.
    pub(crate) p99_ms: f64,
    /// Milliseconds of that before the generator wrote the message: 99 in a hundred waited no longer. It is as late
    /// with reading.
    pub(crate) late_p99_ms: f64,
    pub(crate) deliveries_per_s: f64,
    /// Microseconds of the target's CPU for each delivery.
    pub(crate) target_us_each: f64,
    /// How much of a CPU the target used; 1 is all of it.
    pub(crate) target_cpu: f64,
    /// How much of a CPU the generator used.
    pub(crate) generator_cpu: f64,
    /// How much of a CPU everybody else on the machine used: the more, the less the figures say.
    pub(crate) others_cpu: f64,
}

impl Figures {
    /// Reads what `chat-cli bench rate` says.
    pub(crate) fn read(document: &Value) -> io::Result<Self> {
        let figure = |name| figure(document, name);
        Ok(Self {
            p50_ms: figure("delivery_ms/p50")?,
            p99_ms: figure("delivery_ms/p99")?,
            late_p99_ms: figure("delay_ms/p99")?,
            deliveries_per_s: figure("deliveries_per_s")?,
            target_us_each: figure("server/cpu_us_each")?,
            target_cpu: figure("server/cpu")?,
            generator_cpu: figure("generator/cpu")?,
            others_cpu: figure("others_cpu")?,
        })
    }
}
