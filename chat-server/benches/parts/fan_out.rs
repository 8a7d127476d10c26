//! One message to all of a room, from the commit to the last write: encoded once, handed to the dispatcher, written to
//! each connection. The sockets are in memory, so this is what the server adds to the system's part.

use std::time::{Duration, Instant};

use chat_server::fuzzing::{Chat, Listeners};
use criterion::{BenchmarkId, Criterion, Throughput};

/// Rooms of so many connections.
const CONNECTIONS: [u32; 3] = [10, 100, 1_000];

/// The time for all of the room; divided by the connections it is that of a delivery.
pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan_out");
    for connections in CONNECTIONS {
        group.throughput(Throughput::Elements(connections.into()));
        group.bench_function(BenchmarkId::from_parameter(connections), |bencher| {
            bencher.iter_custom(|times| Chat::run(async |chat| tell(chat, connections, times).await));
        });
    }
    group.finish();
}

async fn tell(chat: &Chat, connections: u32, times: u64) -> Duration {
    let count = usize::try_from(connections).unwrap_or(usize::MAX);
    let mut listeners = Listeners::gather(chat, count).await;
    let mut spent = Duration::ZERO;
    for _ in 0..times {
        let started = Instant::now();
        listeners.tell().await;
        spent += started.elapsed();
        listeners.forget_written().expect("the same for all");
    }
    spent
}
